// What a program asks of a host, as the cluster takes it.
#pragma once

#include <copg/role.hpp>

#include "cluster/types.hpp"
#include "engine/clock.hpp"

namespace copg::routing {

/// Of a call that begins at `time`. It has no deadline yet.
[[nodiscard]] cluster::Request request_for(Role role, const RoleOptions& options, engine::TimePoint time);

}  // namespace copg::routing
