// What a connect spends its time on, in the order in which it happens.
#pragma once

#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

enum class ConnectPhase : std::uint8_t {
  credentials,  ///< The `credentials` function, where it was asked.
  resolve,      ///< The names of the hosts.
  connect,      ///< The socket, until the server has accepted it. Over several hosts: of all that were tried.
  encrypt,      ///< TLS, where the server is asked for it.
  authenticate,  ///< The password's exchange, the session's parameters, and what the pool asks about the
                 ///< server.
  configure,     ///< The `configure` function, where there is one.
};

/// The enumerator's name.
[[nodiscard]] std::string_view to_string(ConnectPhase phase) noexcept;

}  // namespace copg
#pragma GCC visibility pop
