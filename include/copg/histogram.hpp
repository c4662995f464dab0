// How long something took, of many times: how often each length came, in fixed memory.
//
// Log-linear, as HDR histograms are: each doubling of the length is divided into 16 equal buckets
// (docs/adr/0055-times-in-histograms.md).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#pragma GCC visibility push(default)
namespace copg {

/// A histogram of durations. What it says of one is right to 3.2 % from 1 µs to 2.4 h, and to 64 ns below; a
/// longer one counts as 2.4 h, but for `sum` and `mean`. Takes 4.3 KB, and never allocates. A value: for one
/// thread at a time.
class Histogram {
 public:
  using Duration = std::chrono::nanoseconds;

  /// Durations from the end of the bucket before it up to its own, which excludes it.
  struct Bucket {
    Duration end{};
    std::uint64_t count = 0;
  };
  static constexpr std::size_t size = 544;

  /// Counts one; a negative one as 0. Takes a few nanoseconds.
  void record(Duration duration) noexcept {
    const std::int64_t ns = std::max<std::int64_t>(duration.count(), 0);
    ++counts_[place_of(static_cast<std::uint64_t>(ns))];
    sum_ += ns;
  }
  /// Counts one of 0.
  void record_zero() noexcept { ++counts_[0]; }

  /// How many there were.
  [[nodiscard]] std::uint64_t count() const noexcept;
  /// All of them together, exactly.
  [[nodiscard]] Duration sum() const noexcept { return Duration(sum_); }
  /// 0 if there were none.
  [[nodiscard]] Duration mean() const noexcept;
  /// The duration that the part `q` of all does not exceed: 0.5 is the median, 0.99 what one of 100 exceeds.
  /// `q` is taken as 0 or 1 beyond that range. 0 if there were none.
  [[nodiscard]] Duration quantile(double q) const noexcept;
  /// About the longest; 0 if there were none.
  [[nodiscard]] Duration longest() const noexcept { return quantile(1); }
  /// How many are known to be shorter than `limit`: those of the buckets that end there or before.
  [[nodiscard]] std::uint64_t shorter_than(Duration limit) const noexcept;
  /// `index`: less than `size`. The last one ends at Duration::max().
  [[nodiscard]] Bucket bucket(std::size_t index) const noexcept;

  /// Adds those of another histogram.
  Histogram& operator+=(const Histogram& other) noexcept;
  /// Those that came since `earlier`, which must be an older state of this histogram.
  [[nodiscard]] Histogram since(const Histogram& earlier) const noexcept;

  friend bool operator==(const Histogram&, const Histogram&) = default;

 private:
  static constexpr int unit_bits = 6;      // 64 ns are the narrowest bucket
  static constexpr int division_bits = 4;  // 16 buckets for each doubling
  static constexpr std::uint64_t divisions = 1U << division_bits;

  [[nodiscard]] static constexpr std::size_t place_of(std::uint64_t ns) noexcept {
    const std::uint64_t units = ns >> unit_bits;
    const auto width = static_cast<int>(std::bit_width(units | divisions));
    const int shift = width - (division_bits + 1);
    const std::uint64_t place = static_cast<std::uint64_t>(shift) * divisions + (units >> shift);
    return std::min<std::size_t>(place, size - 1);
  }
  [[nodiscard]] static constexpr std::uint64_t begin_of(std::size_t place) noexcept {
    const std::size_t doubling = place / divisions;
    if (doubling == 0) return std::uint64_t{place} << unit_bits;
    return (divisions + place % divisions) << (doubling - 1 + unit_bits);
  }

  std::int64_t sum_ = 0;  // beside the bucket of 0, which is counted most
  std::array<std::uint64_t, size> counts_{};
};

}  // namespace copg
#pragma GCC visibility pop
