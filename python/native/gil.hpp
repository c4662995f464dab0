// Python's global lock: given up around everything that may wait, taken back before anything of Python's is
// touched.
#pragma once

#include <Python.h>

namespace copg::python {

/// The thread runs without the lock until the end of the scope. Nothing of Python's may be touched meanwhile.
class WithoutGil {
 public:
  WithoutGil() noexcept : state_(PyEval_SaveThread()) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil();

 private:
  PyThreadState* state_;
};

/// A thread that may be copg's own, or one inside WithoutGil, holds the lock until the end of the scope.
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
