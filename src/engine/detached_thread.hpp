// A thread that nobody waits for, and a descriptor by which it tells that it is done. A file of its own, so
// that the simulator can have another in its place.
#pragma once

#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include "os/signal.hpp"
#include "pq/signals_blocked.hpp"

namespace copg::engine {

/// A descriptor that can be read from `set` on.
class Signal {
 public:
  /// Throws std::system_error. Once, before the rest.
  void open() {
    if (!signal_.open()) throw std::system_error(errno, std::generic_category(), "no descriptor is left");
  }
  [[nodiscard]] int fd() const noexcept { return signal_.fd(); }
  /// From any thread, once.
  void set() noexcept { signal_.set(); }

 private:
  os::Signal signal_;
};

/// With all signals blocked. Throws std::system_error.
template <class Body>
void start_detached(Body body) {
  const pq::SignalsBlocked blocked;
  std::thread(std::move(body)).detach();
}

}  // namespace copg::engine
