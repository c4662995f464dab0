// Ctrl-C in calls that block. Python's signal handlers run in its main thread only, and only when asked.
#pragma once

#include <atomic>
#include <mutex>
#include <thread>

namespace copg::python {

/// From now on threads that wait inside copg look for signals, if they are the main thread.
void watch_for_signals();
/// The calling thread is Python's main thread: at import, and in the child after a fork.
void remember_main_thread(unsigned long ident) noexcept;

/// What threads take turns with.
struct Turns {
  std::timed_mutex mutex;
  std::atomic<std::thread::id> whose{};
};

/// One of them, until the end of the scope; waits for it without the GIL, and looks for signals meanwhile.
/// Throws UsageError if this thread has it already, further up: code of Python's that runs inside a call, as
/// a source of rows or a signal handler, would wait for itself.
class Turn {
 public:
  explicit Turn(Turns& turns);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { turns_.whose.store({}, std::memory_order_relaxed); }

 private:
  Turns& turns_;
  std::unique_lock<std::timed_mutex> lock_;
};

}  // namespace copg::python
