// Python's global lock: given up around everything that may wait, taken back before anything of Python's is
// touched.
#pragma once

#include <Python.h>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace copg::python {

namespace detail {
/// Takes the lock back, or, if the interpreter has ended, never returns. No exception may be on its way.
void restore_thread(PyThreadState* state) noexcept;
}  // namespace detail

/// Calls `work` without the lock, and gives what it gives. It must touch nothing of Python's.
///
/// A function and no guard object: the lock must not be taken back by a destructor while an exception is on
/// its way, see gil.cpp.
template <class Work>
auto without_gil(Work work) {
  using Result = std::invoke_result_t<Work>;
  std::exception_ptr thrown;
  PyThreadState* const state = PyEval_SaveThread();
  if constexpr (std::is_void_v<Result>) {
    try {
      work();
    } catch (...) {
      thrown = std::current_exception();
    }
    detail::restore_thread(state);
    if (thrown) std::rethrow_exception(thrown);
  } else {
    std::optional<Result> result;
    try {
      result.emplace(work());
    } catch (...) {
      thrown = std::current_exception();
    }
    detail::restore_thread(state);
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*result);
  }
}

/// A thread that may be copg's own, or one inside without_gil, holds the lock until the end of the scope.
class WithGil {
 public:
  WithGil() noexcept;
  WithGil(const WithGil&) = delete;
  WithGil& operator=(const WithGil&) = delete;
  ~WithGil() { PyGILState_Release(state_); }

 private:
  PyGILState_STATE state_;
};

}  // namespace copg::python
