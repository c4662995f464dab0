// The connection that a lease is of.
#pragma once

#include <copg/detail/lease.hpp>

#include "pool/types.hpp"

namespace copg::engine {

using detail::Lease;

[[nodiscard]] inline pool::ConnectionId id_of(const Lease& lease) { return {lease.index, lease.generation}; }
/// Whether it is a loan to a function of the options, which the core does not know (configure_call.hpp). An
/// empty lease is no loan: a call has one while it is back in the queue.
[[nodiscard]] inline bool is_loan(const Lease& lease) { return lease && lease.generation == 0; }

}  // namespace copg::engine
