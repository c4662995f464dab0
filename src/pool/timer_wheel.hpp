// Deadlines of many waiters: add, remove and expire in O(1), without allocation after `reserve`.
//
// A hierarchical timing wheel (Varghese and Lauck, 1987): eight levels of 64 buckets, the finest 65.5 us
// wide. A timer sits on the level of the highest digit (base 64) in which its time differs from the present,
// and moves down as that digit is reached. Buckets only group; expiry compares the exact deadline.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "pool/index_list.hpp"
#include "pool/types.hpp"

namespace copg::pool {

class TimerWheel {
 public:
  explicit TimerWheel(TimePoint start) : start_(start) {}

  /// Makes room for timers 0..count-1. Allocates.
  void reserve(std::uint32_t count) { timers_.resize(count); }
  /// Sets a timer that is not set. `never` is legal and costs nothing.
  void add(std::uint32_t timer, TimePoint deadline);
  /// Clears a timer that is set.
  void remove(std::uint32_t timer);
  /// Clears and names one timer whose deadline is at or before `now`. Call until it names none.
  std::optional<std::uint32_t> expire(TimePoint now);
  /// At or before the earliest deadline; after an `expire(now)` that named none, later than `now`.
  [[nodiscard]] TimePoint next() const;

 private:
  static constexpr unsigned digit_bits = 6;
  static constexpr unsigned levels = 8;
  static constexpr unsigned buckets = 1U << digit_bits;
  static constexpr unsigned resolution_bits = 16;  // 2^16 ns = 65.5 us

  struct Timer {
    TimePoint deadline{};
    Links links{};
    std::uint8_t level = 0;
    std::uint8_t bucket = 0;
  };
  using Table = std::vector<Timer>;
  using Bucket = IndexList<Table, &Timer::links>;

  [[nodiscard]] std::uint64_t unit_of(TimePoint time) const;
  [[nodiscard]] unsigned lowest_level() const;
  [[nodiscard]] std::uint64_t first_unit(unsigned level, unsigned bucket) const;
  void place(std::uint32_t timer);
  void unlink(std::uint32_t timer);

  TimePoint start_;
  std::uint64_t present_ = 0;  // in units of the resolution since start_; never ahead of an unexpired bucket
  Table timers_;
  std::array<std::array<Bucket, buckets>, levels> wheel_{};
  std::array<std::uint64_t, levels> occupied_{};  // a bit per bucket that is not empty
};

}  // namespace copg::pool
