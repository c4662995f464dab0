// From the pool's thread into Python.
#include "python/native/notify.hpp"

#include <string>

#include "python/native/gil.hpp"

namespace copg::python {
namespace {

/// With the weak reference, and with what `arguments` makes, a tuple.
template <class Arguments>
void call(const char* function, PyObject* weak_pool, Arguments arguments) noexcept {
  const WithGil gil;
  const nb::object module = nb::steal(PyImport_ImportModule("pycopg._callbacks"));
  const nb::object callee =
      module.is_valid() ? nb::steal(PyObject_GetAttrString(module.ptr(), function)) : nb::object();
  const nb::object given = callee.is_valid() ? nb::steal(arguments()) : nb::object();
  const nb::object answer =
      given.is_valid() ? nb::steal(PyObject_CallObject(callee.ptr(), given.ptr())) : nb::object();
  if (!answer.is_valid()) PyErr_WriteUnraisable(weak_pool);
}

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Notifier::~Notifier() {
  const WithGil gil;
  Py_DECREF(weak_pool_);
}

void Notifier::reconnect_failed() const noexcept {
  call("reconnect_failed", weak_pool_, [this] { return Py_BuildValue("(O)", weak_pool_); });
}

void Notifier::leaked(double age_s, const char* holder) const noexcept {
  call("leaked", weak_pool_, [&] { return Py_BuildValue("(Ods)", weak_pool_, age_s, holder); });
}

void Notifier::outage_began(const char* message) const noexcept {
  call("outage_began", weak_pool_, [&] { return Py_BuildValue("(Os)", weak_pool_, message); });
}

void Notifier::outage_ended(double duration_s, std::uint64_t failures) const noexcept {
  call("outage_ended", weak_pool_, [&] {
    return Py_BuildValue("(OdK)", weak_pool_, duration_s, static_cast<unsigned long long>(failures));
  });
}

void LogObserver::outage_began(const ErrorInfo& error) noexcept {
  notifier_->outage_began(error.message.c_str());
}

void LogObserver::outage_ended(std::chrono::nanoseconds duration, std::uint64_t failures) noexcept {
  notifier_->outage_ended(seconds(duration), failures);
}

void LogObserver::leaked(std::chrono::nanoseconds age, std::string_view holder) noexcept {
  notifier_->leaked(seconds(age), std::string(holder).c_str());
}

}  // namespace copg::python
