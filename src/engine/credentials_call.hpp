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

  /// After `done` without an error: `base` with the user and the password that were returned.
  [[nodiscard]] pq::ConnectSettings settings(pq::ConnectSettings base) const;

 private:
  using Given = std::shared_ptr<Credentials>;  // with the thread
  CredentialsCall(const PoolOptions& options, std::shared_ptr<UnreturnedCalls> unreturned,
                  const Given& given);
  pq::Step finish() override;

  const Given given_;
};

}  // namespace copg::engine
