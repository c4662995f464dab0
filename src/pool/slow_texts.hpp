// Which SQL texts are slow: a moving estimate of the server time of each text that was slow lately.
//
// Only a slow answer makes a record, so the table is empty where nothing is slow, and a text without a record
// is fast. The memory is fixed: sets of four records, of which the least recently used gives way. The round
// trip, which is what most statements take that are first on their connection, is subtracted
// (docs/adr/0019-slow-statements-travel-alone.md).
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "pool/types.hpp"

namespace copg::pool {

class SlowTexts {
 public:
  /// A server time that is slow on any network. A statement in front of others costs them its server time and
  /// saves them a round trip, so two round trips are no reason to travel alone.
  static constexpr Duration least_slow = std::chrono::milliseconds(2);

  SlowTexts() : sets_(set_count) {}

  /// A statement has been answered, `took` after it was sent or after the answer in front of it. `first`: no
  /// other was in front of it.
  void learn(std::uint64_t key, Duration took, bool first);
  [[nodiscard]] bool slow(std::uint64_t key) const { return records_ > 0 && estimate(key) > threshold(); }
  /// Estimates above it are slow.
  [[nodiscard]] Duration threshold() const { return std::max(least_slow, 2 * round_trip_); }
  /// The moving estimate of the server time; 0 for a text that was not slow lately.
  [[nodiscard]] Duration estimate(std::uint64_t key) const;
  /// The lower quartile of the times of statements that are first on their connection.
  [[nodiscard]] Duration round_trip() const { return round_trip_; }

 private:
  static constexpr std::size_t ways = 4;
  static constexpr unsigned set_bits = 6;
  static constexpr std::size_t set_count = std::size_t{1} << set_bits;
  static constexpr int weight = 8;  // an answer counts for an eighth

  struct Record {
    std::uint64_t key = 0;
    Duration estimate{};  // 0: no record
  };
  using Set = std::array<Record, ways>;  // used last in front

  static std::size_t set_of(std::uint64_t key) { return (key * 0x9e3779b97f4a7c15U) >> (64 - set_bits); }
  void learn_round_trip(Duration took);

  Duration round_trip_{};
  std::uint32_t records_ = 0;
  std::vector<Set> sets_;
};

}  // namespace copg::pool
