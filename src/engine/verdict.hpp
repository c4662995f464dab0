// What happens to a connection at the end of a lease, a reset or a check, by what was found then.
#pragma once

#include <copg/pool_options.hpp>

#include "pool/types.hpp"

namespace copg::engine {

using pool::Disposition;

/// What was found of a connection.
struct Findings {
  bool gone = false;     ///< It is dead, or the server has said that it ends the session.
  bool demoted = false;  ///< The server refuses writes, and did not before (SQLSTATE 25006).
  bool at_rest = true;   ///< Nothing is outstanding, no transaction is open. Only `rollback` needs this.
  bool clean = true;     ///< At rest, and the session is at its baseline. Only `tracked` needs this.
  bool beyond_wiping = false;  ///< No reset can bring the session back to its baseline.
};

/// At the end of a lease, with the pool's ResetMode.
[[nodiscard]] constexpr Disposition after_lease(const Findings& found, ResetMode mode) noexcept {
  if (found.gone) return Disposition::broken;
  if (found.demoted) return Disposition::demoted;
  switch (mode) {
    case ResetMode::rollback: return found.at_rest ? Disposition::clean : Disposition::needs_reset;
    case ResetMode::full: return found.beyond_wiping ? Disposition::discard : Disposition::needs_reset;
    case ResetMode::tracked: break;
  }
  if (found.beyond_wiping) return Disposition::discard;
  return found.clean ? Disposition::clean : Disposition::needs_reset;
}

/// The caller wants the connection closed. What it says of other connections counts nevertheless.
[[nodiscard]] constexpr Disposition discarded(Disposition disposition) noexcept {
  const bool ends_epoch = disposition == Disposition::broken || disposition == Disposition::demoted;
  return ends_epoch ? disposition : Disposition::discard;
}

/// `failed`: the session could not be wiped, which proves nothing about other connections.
[[nodiscard]] constexpr Disposition after_reset(bool gone, bool failed) noexcept {
  if (gone) return Disposition::broken;
  return failed ? Disposition::discard : Disposition::clean;
}

/// The server has hung up. `ends`: what it said at the end concerns other sessions, too. Where a connection
/// is `watched`, so are the others: what has ended them is noticed by itself.
[[nodiscard]] constexpr Disposition after_hang_up(bool ends, bool watched) noexcept {
  return ends || !watched ? Disposition::broken : Disposition::lost;
}

/// `failed`: the server did not answer an empty query, so it would not answer on other connections either.
[[nodiscard]] constexpr Disposition after_check(bool gone, bool failed) noexcept {
  return gone || failed ? Disposition::broken : Disposition::clean;
}

}  // namespace copg::engine
