// What a lease names.
#pragma once

#include <copg/detail/lease.hpp>

#include "engine/mends.hpp"
#include "pool/types.hpp"

namespace copg::engine {

using detail::Lease;

[[nodiscard]] inline pool::ConnectionId id_of(const Lease& lease) { return {lease.index, lease.generation}; }
/// It is a loan to `configure`, of which the core knows nothing: see configure_call.hpp. An empty lease is
/// none: a call has one while it is back in the queue.
[[nodiscard]] inline bool is_loan(const Lease& lease) {
  return (lease || !stands(Mend::cut_in_queue)) && lease.generation == 0;
}

}  // namespace copg::engine
