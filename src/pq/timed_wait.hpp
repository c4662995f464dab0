// A descriptor that becomes readable when another is ready or a time has passed: for an operation that must
// do something if a peer stays silent, since it has no clock and waits for one descriptor at a time.
#pragma once

#include <chrono>

#include "pq/operation.hpp"

namespace copg::pq {

class TimedWait {
 public:
  TimedWait() = default;
  TimedWait(const TimedWait&) = delete;
  TimedWait& operator=(const TimedWait&) = delete;
  ~TimedWait();

  /// Starts the time, which must be above 0, anew.
  void start(std::chrono::milliseconds time);
  /// Whether the time has passed since `start`.
  [[nodiscard]] bool passed() const noexcept;
  /// What to wait for. If the process is out of descriptors this is `fd` alone, and the end of the time wakes
  /// nobody.
  [[nodiscard]] Step wait(int fd, Ready what);

 private:
  int timer_ = -1;
  int both_ = -1;  // an epoll of the timer and `watched_`
  int watched_ = -1;
};

}  // namespace copg::pq
