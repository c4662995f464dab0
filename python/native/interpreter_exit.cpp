// A counter of calls under way.
#include "python/native/interpreter_exit.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "python/native/gil.hpp"

namespace copg::python {
namespace {

// Never destroyed: threads are inside until the process is gone.
struct Calls {
  std::atomic<int> inside = 0;
  std::atomic<bool> ending = false;
  std::mutex mutex;
  std::condition_variable changed;
};
Calls& calls = *new Calls;
thread_local int inside_here = 0;  // of them, this thread's

}  // namespace

NativeScope::NativeScope() noexcept {
  ++inside_here;
  calls.inside.fetch_add(1);
}

NativeScope::~NativeScope() {
  --inside_here;
  calls.inside.fetch_sub(1);
  if (!calls.ending.load()) return;
  const std::lock_guard lock(calls.mutex);
  calls.changed.notify_all();
}

void end_calls(double patience_s) {
  calls.ending = true;
  without_gil([patience_s] {
    std::unique_lock lock(calls.mutex);
    calls.changed.wait_for(lock, std::chrono::duration<double>(patience_s), [] { return calls.inside == 0; });
  });
}

void forget_other_threads() noexcept { calls.inside = inside_here; }

bool is_ending() noexcept { return calls.ending; }

}  // namespace copg::python
