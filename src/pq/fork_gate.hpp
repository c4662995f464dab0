// Keeps fork(2) away from threads that hold locks of libpq, OpenSSL or the C library.
//
// A fork copies such locks, but not the threads that hold them: a lock that is held at that moment is never
// free in the child, and the first connect there would wait for it for ever, in the thread that does all the
// background work. So a thread is inside the gate while it opens a connection or looks up a name, and a fork
// waits, for a limited time, until no thread is inside (docs/adr/0033).
#pragma once

#include <chrono>
#include <cstdint>

namespace copg::pq {

class InsideForkGate {
 public:
  enum class What : std::uint8_t {
    connect,  ///< A step of a connect, or its end: it only computes.
    look_up,  ///< getaddrinfo: it may wait for a name server for long, but then holds no lock.
  };
  /// How long a fork waits for those that are inside.
  static constexpr std::chrono::milliseconds patience_for_connects{1000};
  static constexpr std::chrono::milliseconds patience_for_lookups{100};

  /// Waits while a fork is being made. The thread may be inside already, but must not hold a lock that a fork
  /// takes.
  explicit InsideForkGate(What what) noexcept;
  InsideForkGate(const InsideForkGate&) = delete;
  InsideForkGate& operator=(const InsideForkGate&) = delete;
  ~InsideForkGate();

 private:
  const What what_;
};

}  // namespace copg::pq
