// What becomes of a connection that somebody has used, by how it was left.
#pragma once

#include <copg/pool_options.hpp>

#include "engine/verdict.hpp"
#include "pq/connection.hpp"

namespace copg::engine {

/// Called by its owner.
[[nodiscard]] inline Disposition verdict_on(pq::Connection& connection, ResetMode mode) noexcept {
  // Each of them is asked for only where the mode needs it.
  return after_lease({.gone = !connection.alive() || connection.fatal_notice_seen(),
                      .demoted = connection.demoted(),
                      .at_rest = mode == ResetMode::rollback && connection.at_rest(),
                      .clean = mode == ResetMode::tracked && connection.clean(),
                      .beyond_wiping = connection.session().beyond_wiping()},
                     mode);
}

}  // namespace copg::engine
