// A thread that nobody waits for, and a descriptor by which it tells that it is done. A file of its own, so
// that the simulator can have another in its place.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "pq/signals_blocked.hpp"

namespace copg::engine {

/// A descriptor that can be read from `set` on.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal() {
    if (fd_ >= 0) close(fd_);
  }

  /// Throws std::system_error. Once, before the rest.
  void open() {
    fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  }
  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// From any thread, once.
  void set() noexcept { (void)eventfd_write(fd_, 1); }  // can't fail: the counter is 0

 private:
  int fd_ = -1;
};

/// With all signals blocked. Throws std::system_error.
template <class Body>
void start_detached(Body body) {
  const pq::SignalsBlocked blocked;
  std::thread(std::move(body)).detach();
}

}  // namespace copg::engine
