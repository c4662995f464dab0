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
  // libpq would take it for the end.
  const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
  bool any = has_nul(given_->user) || has_nul(given_->password);
  for (const auto& [keyword, value] : given_->options) any = any || has_nul(keyword) || has_nul(value);
  return any ? fail(failed("it gave a string with a NUL")) : pq::Step::finished();
}

pq::ConnectSettings with_credentials(pq::ConnectSettings base, const Credentials& given) {
  set(base, "user", given.user);
  set(base, "password", given.password);
  for (const auto& [keyword, value] : given.options) set(base, keyword, value);
  return base;
}

}  // namespace copg::engine
