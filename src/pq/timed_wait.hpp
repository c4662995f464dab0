// One descriptor that becomes readable when another is ready or a time has passed: for an operation that must
// do something more when a peer stays silent, since an operation itself has no clock and waits for one
// descriptor at a time.
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

  /// Starts the time anew. Above 0.
  void start(std::chrono::milliseconds time);
  /// The time has passed since `start`.
  [[nodiscard]] bool passed() const noexcept;
  /// What to wait for. Where the system has no descriptor to spare this is `fd` alone, and the time passes
  /// unseen.
  [[nodiscard]] Step wait(int fd, Ready what);

 private:
  int timer_ = -1;
  int both_ = -1;  // an epoll of the timer and `watched_`
  int watched_ = -1;
};

}  // namespace copg::pq
