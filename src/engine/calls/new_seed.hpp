// Seeds for jitter, which differ from each other and from those of other processes.
#pragma once

#include <cstdint>

namespace copg::engine {

[[nodiscard]] std::uint64_t new_seed() noexcept;

}  // namespace copg::engine
