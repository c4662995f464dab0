// A shell that has no thread to wait with while the server works on its operation: it is told what a thread
// in poll(2) finds out by looking at the clock and at its lease.
#pragma once

#include <cstdint>

namespace copg::engine {

/// Why a call is to end before its operation has.
enum class StopReason : std::uint8_t {
  none,
  cancelled,  ///< Its caller has lost interest.
  late,       ///< Its deadline has passed.
  cut,        ///< The pool was closed and has cut its lease off.
};

class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// `late` or `cut`. Called with the engine's mutex held: must only wake somebody. May come more than once,
  /// and as late as just before PoolEngine::drive_no_more returns.
  virtual void stop(StopReason why) noexcept = 0;

 protected:
  virtual ~Driver() = default;
};

}  // namespace copg::engine
