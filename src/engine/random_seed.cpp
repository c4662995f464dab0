#include "engine/random_seed.hpp"

#include <random>

namespace copg::engine {

std::uint64_t random_seed() {
  std::random_device entropy;
  return (std::uint64_t{entropy()} << 32) | entropy();
}

}  // namespace copg::engine
