// Tells a call without a thread, while the server works on its operation, what a thread in poll(2) finds out
// from the clock and its lease.
#pragma once

#include <cstdint>

namespace copg::engine {

/// Why a call is to end before its operation has.
enum class StopReason : std::uint8_t {
  none,
  cancelled,  ///< Its caller has cancelled it.
  late,       ///< Its deadline has passed.
  cut,        ///< The pool was closed and has cut its lease off.
};

class DeadlineListener {
 public:
  DeadlineListener() = default;
  DeadlineListener(const DeadlineListener&) = delete;
  DeadlineListener& operator=(const DeadlineListener&) = delete;

  /// `why`: `late` or `cut`. Called with the engine's mutex held, so it must only wake the call. It may be
  /// called more than once, and as late as just before Leases::unwatch_deadline returns.
  virtual void stop(StopReason why) noexcept = 0;

 protected:
  virtual ~DeadlineListener() = default;
};

}  // namespace copg::engine
