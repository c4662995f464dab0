// The end of the interpreter: who is still inside this module?
//
// Before Python 3.14 a daemon thread that runs Python's code while the interpreter ends is ended by
// pthread_exit. If that code was called from here (json.loads, a user's iterable), the exit unwinds through
// C++ frames that it must not pass, and the process aborts. So the interpreter's exit waits, briefly, until
// nobody is inside; and what is still called afterwards must raise without running Python's code.
#pragma once

namespace copg::python {

/// For nb::call_guard: the thread is inside.
class NativeScope {
 public:
  NativeScope() noexcept;
  NativeScope(const NativeScope&) = delete;
  NativeScope& operator=(const NativeScope&) = delete;
  ~NativeScope();
};

/// From now on no pool opens. Waits up to `patience_s` until no other thread is inside. With the GIL.
void end_calls(double patience_s);
/// In the child after a fork: they are not there to leave.
void forget_other_threads() noexcept;
[[nodiscard]] bool is_ending() noexcept;

}  // namespace copg::python
