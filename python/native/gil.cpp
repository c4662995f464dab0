// Taking the lock while the interpreter ends.
//
// Before Python 3.14 a daemon thread that asks for the lock of an interpreter that ends is ended by
// pthread_exit, which unwinds its stack as a foreign exception: through noexcept functions, or on top of an
// exception of ours, and the process aborts. Such a thread sleeps here instead, until the process is gone, as
// Python itself does from 3.14 on.
#include "python/native/gil.hpp"

#include <pthread.h>
#include <unistd.h>

#include "python/native/gil_gate.hpp"

namespace copg::python {
namespace {

constinit GilGate gate;
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { gate.forget_all(); });

/// At the end of the interpreter the threads that are inside stay there for ever.
bool interpreter_ends() noexcept {
#if PY_VERSION_HEX >= 0x030d0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

[[noreturn]] void sleep_for_ever() noexcept {
  for (;;) pause();
}

}  // namespace

void detail::restore_thread(PyThreadState* state) noexcept {
#ifdef Py_GIL_DISABLED
  const bool through_gate = false;
#else
  const bool through_gate = !interpreter_ends();
#endif
  if (through_gate) gate.enter();
  try {
    PyEval_RestoreThread(state);
  } catch (...) {  // what unwinds the stack; not each C++ library has a name for it
    if (through_gate) gate.leave();
    sleep_for_ever();
  }
  if (through_gate) gate.leave();
}

WithGil::WithGil() noexcept : state_(PyGILState_UNLOCKED) {
  try {
    state_ = PyGILState_Ensure();
  } catch (...) {
    sleep_for_ever();
  }
}

}  // namespace copg::python
