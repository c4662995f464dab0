// From the pool's thread into Python.
#include "python/native/notify.hpp"

#include <string_view>
#include <utility>

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

/// For "N": a new reference. The server's words, and a task's name, may be in any encoding.
PyObject* text_of(std::string_view text) {
  return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
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

void Notifier::leaked(double age_s, std::string_view holder) const noexcept {
  call("leaked", weak_pool_, [&] { return Py_BuildValue("(OdN)", weak_pool_, age_s, text_of(holder)); });
}

void Notifier::listened() const noexcept {
  call("listened_on", weak_pool_, [this] { return Py_BuildValue("(O)", weak_pool_); });
}

void Notifier::outage_began(std::string_view message) const noexcept {
  call("outage_began", weak_pool_, [&] { return Py_BuildValue("(ON)", weak_pool_, text_of(message)); });
}

void Notifier::outage_ended(double duration_s, std::uint64_t failures) const noexcept {
  call("outage_ended", weak_pool_, [&] {
    return Py_BuildValue("(OdK)", weak_pool_, duration_s, static_cast<unsigned long long>(failures));
  });
}

void LogObserver::outage_began(const ErrorInfo& error) noexcept { notifier_->outage_began(error.message); }

void LogObserver::outage_ended(std::chrono::nanoseconds duration, std::uint64_t failures) noexcept {
  notifier_->outage_ended(seconds(duration), failures);
}

void LogObserver::leaked(std::chrono::nanoseconds age, std::string_view holder) noexcept {
  notifier_->leaked(seconds(age), holder);
}

ResultRows answered_rows(Result result, const TypesNow& types, const PoolOptions& options) {
  ResultRows rows(std::move(result), types);
  if (rows.is_listen()) [[unlikely]]
    static_cast<const LogObserver&>(*options.observer).listened();
  return rows;
}

}  // namespace copg::python
