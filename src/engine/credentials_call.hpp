// Asks PoolOptions::credentials who is to log in.
#pragma once

#include <copg/pool_options.hpp>

#include <memory>

#include "engine/user_call.hpp"
#include "pq/connect_settings.hpp"

namespace copg::engine {

class CredentialsCall final : public UserCall {
 public:
  CredentialsCall(const PoolOptions& options, std::shared_ptr<UnreturnedCalls> unreturned);

  /// After `done` without an error.
  [[nodiscard]] const Credentials& credentials() const noexcept { return *given_; }

 private:
  using Given = std::shared_ptr<Credentials>;  // with the thread
  CredentialsCall(const PoolOptions& options, std::shared_ptr<UnreturnedCalls> unreturned,
                  const Given& given);
  pq::Step finish() override;

  const Given given_;
};

/// `base` with the user, the password and the options of `given`.
[[nodiscard]] pq::ConnectSettings with_credentials(pq::ConnectSettings base, const Credentials& given);

}  // namespace copg::engine
