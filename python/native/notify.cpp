// From the pool's thread into Python.
#include "python/native/notify.hpp"

#include <string>

#include "python/native/gil.hpp"

namespace copg::python {
namespace {

void call(const char* function, PyObject* weak_pool, double age_s, const char* holder) noexcept {
  const WithGil gil;
  const nb::object module = nb::steal(PyImport_ImportModule("pycopg._notify"));
  const nb::object answer =
      !module.is_valid() ? nb::object()
      : holder == nullptr
          ? nb::steal(PyObject_CallMethod(module.ptr(), function, "O", weak_pool))
          : nb::steal(PyObject_CallMethod(module.ptr(), function, "Ods", weak_pool, age_s, holder));
  if (!answer.is_valid()) PyErr_WriteUnraisable(weak_pool);
}

}  // namespace

Notifier::~Notifier() {
  const WithGil gil;
  Py_DECREF(weak_pool_);
}

void Notifier::reconnect_failed() const noexcept { call("reconnect_failed", weak_pool_, 0, nullptr); }

void Notifier::leaked(double age_s, const char* holder) const noexcept {
  call("leaked", weak_pool_, age_s, holder);
}

void LeakObserver::leaked(std::chrono::nanoseconds age, std::string_view holder) noexcept {
  notifier_->leaked(std::chrono::duration<double>(age).count(), std::string(holder).c_str());
}

}  // namespace copg::python
