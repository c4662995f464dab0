// What becomes of a connection, judged by what was found of it when a lease, a reset or a check has ended.
#pragma once

#include <copg/pool_options.hpp>

#include "pool/types.hpp"

namespace copg::engine {

using pool::Disposition;

/// What was found of a connection.
struct Findings {
  bool gone = false;           ///< It is dead, or its server has said that it ends it.
  bool demoted = false;        ///< The server refuses to write, and did not before (SQLSTATE 25006).
  bool at_rest = true;         ///< Nothing is outstanding, and no transaction is open.
  bool clean = true;           ///< At rest, and the session is as it was at first. Only `tracked` asks.
  bool beyond_wiping = false;  ///< No reset can make the session what it was at first.
};

/// At the end of a lease, under the pool's option.
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

/// Its caller has no use for the connection any more; what it says of others counts all the same.
[[nodiscard]] constexpr Disposition discarded(Disposition disposition) noexcept {
  const bool ends_epoch = disposition == Disposition::broken || disposition == Disposition::demoted;
  return ends_epoch ? disposition : Disposition::discard;
}

/// `failed`: the session could not be wiped, which says nothing of other connections.
[[nodiscard]] constexpr Disposition after_reset(bool gone, bool failed) noexcept {
  if (gone) return Disposition::broken;
  return failed ? Disposition::discard : Disposition::clean;
}

/// `failed`: the server did not answer an empty query, and would not answer on other connections either.
[[nodiscard]] constexpr Disposition after_check(bool gone, bool failed) noexcept {
  return gone || failed ? Disposition::broken : Disposition::clean;
}

}  // namespace copg::engine
