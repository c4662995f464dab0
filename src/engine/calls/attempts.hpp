// The attempts of one `run`: whether a failed one is followed by another, after what pause, and what the last
// error tells of them. Pure logic: it reads no clock and waits for nothing.
#pragma once

#include <copg/error.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/clock.hpp"
#include "pool/backoff.hpp"

namespace copg::engine {

class Attempts {
 public:
  static constexpr Duration first_pause = std::chrono::milliseconds(10);
  static constexpr Duration longest_pause = std::chrono::seconds(1);

  /// `most`: at least 1, else UsageError. No attempt begins after `deadline`.
  Attempts(int most, TimePoint deadline, std::uint64_t seed);

  /// An attempt has failed. Returns the pause before the next one: anything from nothing to an upper bound
  /// that doubles each time, so that those who were in each other's way do not meet again. None: it was the
  /// last.
  [[nodiscard]] std::optional<Duration> pause_after(const ErrorInfo& error, TimePoint now);
  /// Whether there is more to tell than the error of the only attempt.
  [[nodiscard]] bool has_more_to_tell() const noexcept { return failed() > 1 || out_of_time_; }
  /// Tells, in the error of the last attempt, of all of them.
  void tell(ErrorInfo& last) const;
  /// Those that have failed.
  [[nodiscard]] int failed() const noexcept { return static_cast<int>(causes_.size()); }

 private:
  const int most_;
  const TimePoint deadline_;
  pool::Random random_;
  bool out_of_time_ = false;
  std::vector<std::string> causes_;  // of each attempt
};

}  // namespace copg::engine
