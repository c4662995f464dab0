// A shell that has no thread to wait with while the server works on its operation: it is told what a thread
// in poll(2) finds out by looking at the clock and at its lease.
#pragma once

#include <cstdint>

namespace copg::engine {

/// Why an operation is to be dropped before its end.
enum class Stop : std::uint8_t {
  late,  ///< Its deadline has passed.
  cut,   ///< The pool was closed and has cut its lease off.
};

class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;

  /// Called with the engine's mutex held: must only wake somebody. May come more than once, and as late as
  /// just before PoolEngine::drive_no_more returns.
  virtual void stop(Stop why) noexcept = 0;

 protected:
  virtual ~Driver() = default;
};

}  // namespace copg::engine
