// How often something happened, by its reason. Plain data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>

#pragma GCC visibility push(default)
namespace copg {

/// One counter for each enumerator of `Key`, an enumeration whose last one is `last`.
template <class Key, Key last>
class CountsBy {
 public:
  static constexpr std::size_t size = static_cast<std::size_t>(last) + 1;

  [[nodiscard]] std::uint64_t operator[](Key key) const noexcept { return counts_[place_of(key)]; }
  void add(Key key, std::uint64_t more = 1) noexcept { counts_[place_of(key)] += more; }
  /// All of them together.
  [[nodiscard]] std::uint64_t total() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
  }
  /// Calls `each(key, count)` for every enumerator.
  template <class Each>
  void for_each(Each&& each) const {
    for (std::size_t place = 0; place < size; ++place) each(static_cast<Key>(place), counts_[place]);
  }
  /// What was added since `earlier`, which must be an older state of these counters.
  [[nodiscard]] CountsBy since(const CountsBy& earlier) const noexcept {
    CountsBy difference = *this;
    for (std::size_t place = 0; place < size; ++place) difference.counts_[place] -= earlier.counts_[place];
    return difference;
  }

  friend bool operator==(const CountsBy&, const CountsBy&) = default;

 private:
  static constexpr std::size_t place_of(Key key) noexcept { return static_cast<std::size_t>(key); }

  std::array<std::uint64_t, size> counts_{};
};

}  // namespace copg
#pragma GCC visibility pop
