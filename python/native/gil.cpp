// Taking the lock while the interpreter ends.
//
// Before Python 3.14 a daemon thread that asks for the lock of an interpreter that ends is ended by
// pthread_exit, which unwinds its stack as a foreign exception: through noexcept functions, or on top of an
// exception of ours, and the process aborts. Such a thread sleeps here instead, until the process is gone, as
// Python itself does from 3.14 on.
#include "python/native/gil.hpp"

#include <cxxabi.h>
#include <unistd.h>

namespace copg::python {
namespace {

[[noreturn]] void sleep_for_ever() noexcept {
  for (;;) pause();
}

}  // namespace

void detail::restore_thread(PyThreadState* state) noexcept {
  try {
    PyEval_RestoreThread(state);
  } catch (abi::__forced_unwind&) {
    sleep_for_ever();
  }
}

WithGil::WithGil() noexcept : state_(PyGILState_UNLOCKED) {
  try {
    state_ = PyGILState_Ensure();
  } catch (abi::__forced_unwind&) {
    sleep_for_ever();
  }
}

}  // namespace copg::python
