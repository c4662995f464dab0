// What becomes of a connection that somebody has used, by how it was left.
#pragma once

#include <copg/pool_options.hpp>

#include "engine/verdict.hpp"
#include "pq/connection.hpp"

namespace copg::engine {

/// Called by its owner.
[[nodiscard]] inline Disposition verdict_on(pq::Connection& connection, ResetMode mode) noexcept {
  const bool at_rest = connection.protocol_idle() && !connection.in_transaction();
  return after_lease({.gone = !connection.alive() || connection.fatal_notice_seen(),
                      .demoted = connection.demoted(),
                      .at_rest = at_rest,
                      .clean = mode == ResetMode::tracked && at_rest && connection.clean(),  // costs most
                      .beyond_wiping = connection.session().beyond_wiping()},
                     mode);
}

}  // namespace copg::engine
