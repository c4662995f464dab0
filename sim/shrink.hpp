// Makes a failing trace short: deletes inputs as long as the same invariant fails.
#pragma once

#include "sim/harness.hpp"
#include "sim/input.hpp"

namespace copg::sim {

/// `trace` must fail. The result fails with the same invariant, and no single input can be deleted from it.
Trace shrink(Trace trace, Sabotage sabotage = Sabotage::none);

}  // namespace copg::sim
