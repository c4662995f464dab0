// Why a connection was closed: the reasons that the pool core, observers and messages know.
#pragma once

#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

enum class CloseReason : std::uint8_t {
  idle,         ///< Idle for longer than max_idle.
  lifetime,     ///< Older than max_lifetime.
  surplus,      ///< Above max_size after a resize.
  discarded,    ///< It could not be brought back to a clean session, or its caller closed it.
  broken,       ///< It was found dead.
  demoted,      ///< It proved that its server was demoted.
  stale_epoch,  ///< Opened before the server was found dead or demoted.
  drained,      ///< Opened before a drain.
  pool_closed,  ///< The pool was closed.
  detached,     ///< Its caller took it out of the pool. It is open still.
};

/// The enumerator's name.
[[nodiscard]] std::string_view to_string(CloseReason reason) noexcept;

}  // namespace copg
#pragma GCC visibility pop
