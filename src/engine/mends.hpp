// Where a mend stands in the code. The simulator has another file in the place of this one, and takes a mend
// out again, to show that it would have found the race.
#pragma once

#include "engine/mend.hpp"

namespace copg::engine {

constexpr bool stands(Mend /*mend*/) noexcept { return true; }

}  // namespace copg::engine
