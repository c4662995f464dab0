// A port for a server of one's own.
#pragma once

#include <cstdint>

namespace copg::testing {

/// A loopback port that was free a moment ago, below the range from which the kernel takes the ports of
/// outgoing connections: a client that retries a stopped server's port from that range would sooner or later
/// connect to itself. Throws std::runtime_error.
[[nodiscard]] std::uint16_t free_loopback_port();

}  // namespace copg::testing
