// A descriptor that becomes readable when another is ready or a time has passed: for an operation that must
// do something if a peer stays silent, since it has no clock and waits for one descriptor at a time.
#pragma once

#include <chrono>
#include <optional>

#include "os/ready_set.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class TimedWait {
 public:
  /// Starts the time, which must be above 0, anew.
  void start(std::chrono::milliseconds time);
  /// Whether the time has passed since `start`.
  [[nodiscard]] bool passed() const noexcept;
  /// What to wait for. If the process is out of descriptors this is `fd` alone, and the end of the time wakes
  /// nobody.
  [[nodiscard]] Step wait(int fd, Ready what);

 private:
  os::ReadySet set_;
  std::optional<os::TimePoint> ends_;
};

}  // namespace copg::pq
