#include "engine/calls/new_seed.hpp"

#include <atomic>
#include <chrono>

namespace copg::engine {

std::uint64_t new_seed() noexcept {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // 2^64 through the golden ratio
  static std::atomic<std::uint64_t> last{
      static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count())};
  return last.fetch_add(odd, std::memory_order_relaxed);
}

}  // namespace copg::engine
