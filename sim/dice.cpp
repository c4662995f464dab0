// The steps of the generator.
#include "sim/workload.hpp"

namespace copg::sim {

using pool::Duration;

Dice::Dice(std::uint64_t seed) : state_{} {
  pool::Random random(seed);
  for (auto& word : state_)
    word = static_cast<std::uint64_t>(random.unit() * 0x1.0p53) * 0x9e3779b97f4a7c15U + 1;
}

std::uint64_t Dice::next() {
  const auto rotate = [](std::uint64_t value, int by) { return (value << by) | (value >> (64 - by)); };
  const std::uint64_t result = rotate(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = rotate(state_[3], 45);
  return result;
}

Duration Dice::between(Duration low, Duration high) {
  const double unit = static_cast<double>(next() >> 11) * 0x1.0p-53;
  return low + Duration(static_cast<Duration::rep>(unit * static_cast<double>((high - low).count())));
}

}  // namespace copg::sim
