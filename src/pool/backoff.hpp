// When to try the next connect after one has failed, and since when none has succeeded. The delay grows
// exponentially, with jitter: up to 5 s while nobody waits for a connection, and up to a fraction of a second
// while somebody does (docs/adr/0024-who-waits-is-not-kept-waiting.md).
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

/// Since when no connect has succeeded, and how many have failed.
struct Outage {
  TimePoint since{};           ///< The first failure.
  std::uint64_t failures = 0;  ///< Failed connects in a row; 0: there is no outage.
};

class Backoff {
 public:
  static constexpr Duration first_delay = std::chrono::milliseconds(10);
  static constexpr Duration longest_delay = std::chrono::seconds(5);
  // While somebody waits for a connect.
  static constexpr Duration longest_delay_when_asked = std::chrono::milliseconds(150);
  static constexpr Duration longest_delay_when_asked_and_near = std::chrono::milliseconds(50);
  static constexpr Duration longest_delay_when_asked_and_overloaded = std::chrono::seconds(1);
  static constexpr Duration least_delay_when_overloaded = std::chrono::milliseconds(250);
  static constexpr Duration least_report_interval = std::chrono::milliseconds(100);

  explicit Backoff(Duration reconnect_timeout)
      : report_interval_(std::max(reconnect_timeout, least_report_interval)) {}

  void succeeded() {
    outage_.failures = 0;
    steps_ = 0;
  }
  void failed(TimePoint now, ConnectFailure failure, Random& random) {
    if (!failing()) {
      next_report_ = now + std::min(report_interval_, never - now);
      outage_.since = now;
    }
    ++outage_.failures;
    last_failure_ = failure;
    Duration ceiling = longest_delay;
    if (steps_ < most_steps) ceiling = std::min(longest_delay, first_delay * (1 << steps_++));
    const double lot = random.unit();
    const auto upper_half = [lot](Duration span) { return part(span, 0.5 + lot / 2); };
    Duration delay = part(ceiling, lot);
    Duration longest_when_asked = longest_delay_when_asked;
    switch (failure) {
      case ConnectFailure::transient: break;
      case ConnectFailure::refused_near: longest_when_asked = longest_delay_when_asked_and_near; break;
      case ConnectFailure::overloaded:
        ceiling = std::max(ceiling, least_delay_when_overloaded);
        delay = upper_half(ceiling);
        longest_when_asked = longest_delay_when_asked_and_overloaded;
        break;
      case ConnectFailure::configuration:  // requests fail at once, and do not wait for it
        delay = upper_half(ceiling);
        longest_when_asked = longest_delay;
        break;
    }
    retry_at_ = now + delay;
    retry_at_when_asked_ = now + std::min(delay, upper_half(std::min(ceiling, longest_when_asked)));
  }
  /// Lets the next connect start at once, and begins the delays anew. The outage goes on.
  void end() {
    steps_ = 0;
    retry_at_ = retry_at_when_asked_ = TimePoint::min();
  }

  [[nodiscard]] bool failing() const { return outage_.failures > 0; }
  [[nodiscard]] bool failing_by(ConnectFailure failure) const {
    return failing() && last_failure_ == failure;
  }
  [[nodiscard]] const Outage& outage() const { return outage_; }
  /// No connect starts before this time; long past if the last one succeeded. `asked`: somebody waits for it.
  [[nodiscard]] TimePoint retry_at(bool asked) const {
    if (!failing()) return TimePoint::min();
    return asked ? retry_at_when_asked_ : retry_at_;
  }
  /// When the outage has lasted for (another) reconnect_timeout; `never` without an outage.
  [[nodiscard]] TimePoint next_report() const { return failing() ? next_report_ : never; }
  void reported(TimePoint now) { next_report_ = now + std::min(report_interval_, never - now); }

 private:
  static constexpr std::uint32_t most_steps = 10;  // first_delay has grown beyond longest_delay by then

  static Duration part(Duration span, double share) {
    return Duration(static_cast<Duration::rep>(static_cast<double>(span.count()) * share));
  }

  Duration report_interval_;
  Outage outage_;
  std::uint32_t steps_ = 0;  // by which the delay has grown
  ConnectFailure last_failure_ = ConnectFailure::transient;
  TimePoint retry_at_{};
  TimePoint retry_at_when_asked_{};
  TimePoint next_report_ = never;
};

}  // namespace copg::pool
