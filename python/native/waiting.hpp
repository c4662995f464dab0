// Ctrl-C in calls that block. Python's signal handlers run in its main thread only, and only when asked.
#pragma once

#include <copg/deadline.hpp>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

namespace copg::python {

/// From now on threads that wait inside copg look for signals, if they are the main thread.
void watch_for_signals();
/// The calling thread is Python's main thread: at import, and in the child after a fork.
void remember_main_thread(unsigned long ident) noexcept;

/// One caller at a time is inside a call of a connection.
struct ConnectionLock {
  std::timed_mutex mutex;
  std::atomic<std::thread::id> whose{};
};

/// Holds the lock until the end of the scope; waits for it without the GIL, and looks for signals meanwhile.
/// Throws UsageError if this thread holds it already: Python code that runs inside a call, such as a source
/// of rows or a signal handler, would wait for itself; PoolTimeout if the deadline passes meanwhile.
class ConnectionGuard {
 public:
  explicit ConnectionGuard(ConnectionLock& turns, const std::optional<Deadline>& deadline = {});
  ConnectionGuard(const ConnectionGuard&) = delete;
  ConnectionGuard& operator=(const ConnectionGuard&) = delete;
  ~ConnectionGuard() { lock_.whose.store({}, std::memory_order_relaxed); }

 private:
  ConnectionLock& lock_;
  std::unique_lock<std::timed_mutex> held_;
};

}  // namespace copg::python
