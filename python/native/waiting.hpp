// Ctrl-C in calls that block. Python's signal handlers run in its main thread only, and only when asked.
#pragma once

#include <functional>
#include <mutex>

namespace copg::python {

/// From now on threads that wait inside copg look for signals, if they are the main thread.
void watch_for_signals();
/// The calling thread is Python's main thread: at import, and in the child after a fork.
void remember_main_thread(unsigned long ident) noexcept;

/// Runs `blocking`, which must touch nothing of Python's, without the GIL. In the main thread it runs on a
/// thread of its own, which goes on by itself when a signal handler raises: `blocking` must own what it uses.
void run_interruptibly(std::function<void()> blocking);

/// Holds a mutex until the end of the scope; waits for it without the GIL, and looks for signals meanwhile.
class Turn {
 public:
  explicit Turn(std::timed_mutex& mutex);

 private:
  std::unique_lock<std::timed_mutex> lock_;
};

}  // namespace copg::python
