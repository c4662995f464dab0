// Seeds for jitter.
#pragma once

#include <cstdint>

namespace copg::engine {

/// An unpredictable one.
[[nodiscard]] std::uint64_t random_seed();

}  // namespace copg::engine
