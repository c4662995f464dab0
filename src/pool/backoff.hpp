// When to try the next connect after one has failed, and since when none has succeeded. Exponential with full
// jitter.
#pragma once

#include <algorithm>
#include <cstdint>

#include "pool/types.hpp"

namespace copg::pool {

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable, good enough for jitter.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  /// Uniform in [0, 1).
  double unit() {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
  }
  /// Uniform between `low` and `high` times `span`.
  Duration share(Duration span, double low, double high) {
    return Duration(
        static_cast<Duration::rep>(static_cast<double>(span.count()) * (low + (high - low) * unit())));
  }

 private:
  std::uint64_t state_;
};

class Backoff {
 public:
  static constexpr Duration first_delay = std::chrono::milliseconds(10);
  static constexpr Duration longest_delay = std::chrono::seconds(5);
  static constexpr Duration least_delay_when_overloaded = std::chrono::milliseconds(250);
  static constexpr Duration least_report_interval = std::chrono::milliseconds(100);

  explicit Backoff(Duration reconnect_timeout)
      : report_interval_(std::max(reconnect_timeout, least_report_interval)) {}

  void succeeded() { failures_ = 0; }
  void failed(TimePoint now, ConnectFailure failure, Random& random) {
    if (failures_ == 0) next_report_ = now + std::min(report_interval_, never - now);
    last_failure_ = failure;
    const Duration ceiling =
        failures_ < 10 ? std::min(longest_delay, first_delay * (1 << failures_)) : longest_delay;
    retry_at_ = now + (failure == ConnectFailure::overloaded
                           ? random.share(std::max(ceiling, least_delay_when_overloaded), 0.5, 1.0)
                           : random.share(ceiling, 0.0, 1.0));
    ++failures_;
  }

  [[nodiscard]] bool failing() const { return failures_ > 0; }
  [[nodiscard]] bool failing_by(ConnectFailure failure) const {
    return failing() && last_failure_ == failure;
  }
  /// No connect starts before it. Long past when the last one succeeded.
  [[nodiscard]] TimePoint retry_at() const { return failing() ? retry_at_ : TimePoint::min(); }
  /// When the outage has lasted for (another) reconnect_timeout; `never` outside one.
  [[nodiscard]] TimePoint next_report() const { return failing() ? next_report_ : never; }
  void reported(TimePoint now) { next_report_ = now + std::min(report_interval_, never - now); }

 private:
  Duration report_interval_;
  std::uint32_t failures_ = 0;  // in a row
  ConnectFailure last_failure_ = ConnectFailure::transient;
  TimePoint retry_at_{};
  TimePoint next_report_ = never;
};

}  // namespace copg::pool
