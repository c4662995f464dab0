// How a thread waits for the usual answer. A file of its own, so that the simulator can have another in its
// place.
#pragma once

#include "engine/clock.hpp"
#include "os/socket_waiter.hpp"

namespace copg::engine {

using os::SocketWaiter;

}  // namespace copg::engine
