#include "engine/credentials_call.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace copg::engine {

namespace {

void set(pq::ConnectSettings& settings, std::string_view keyword, const std::string& value) {
  if (value.empty()) return;
  for (auto& [name, old] : settings.keywords) {
    if (name != keyword) continue;
    old = value;
    return;
  }
  settings.keywords.emplace_back(keyword, value);
}

}  // namespace

CredentialsCall::CredentialsCall(const PoolOptions& options, std::shared_ptr<UnreturnedCalls> unreturned)
    : CredentialsCall(options, std::move(unreturned), std::make_shared<Credentials>()) {}

CredentialsCall::CredentialsCall(const PoolOptions& options, std::shared_ptr<UnreturnedCalls> unreturned,
                                 const Given& given)
    : UserCall(
          "credentials", [ask = options.credentials, given] { *given = ask(); }, std::move(unreturned)),
      given_(given) {}

pq::Step CredentialsCall::finish() {
  for (const std::string* text : {&given_->user, &given_->password}) {
    // libpq would take it for the end.
    if (text->find('\0') != std::string::npos) return fail(failed("it gave a string with a NUL"));
  }
  return pq::Step::finished();
}

pq::ConnectSettings CredentialsCall::settings(pq::ConnectSettings base) const {
  set(base, "user", given_->user);
  set(base, "password", given_->password);
  return base;
}

}  // namespace copg::engine
