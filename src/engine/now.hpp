// The present time. It has a file of its own, which the simulator replaces.
#pragma once

#include "os/clock.hpp"

namespace copg::engine {

using os::now;

}  // namespace copg::engine
