// What the engine is told of asyncio, and asyncio of the engine.
#include "python/native/loop_call.hpp"

#include <utility>

#include "python/native/imported.hpp"

namespace copg::python {

namespace {

/// Asked for each lease: when a message needs the name, the engine's mutex is held, under which no code of
/// Python's may run.
engine::HolderName this_task() {
  const nb::object task = nb::steal(PyObject_CallNoArgs(imported().current_task));
  if (!task.is_valid()) throw nb::python_error();
  if (task.is_none()) return {};
  const nb::object name = nb::steal(PyObject_CallMethodNoArgs(task.ptr(), imported().get_name));
  if (!name.is_valid()) {
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) throw nb::python_error();
    PyErr_Clear();  // a task factory may make what has no name
    return {};
  }
  Py_ssize_t size = 0;
  const char* const text = PyUnicode_Check(name.ptr()) ? PyUnicode_AsUTF8AndSize(name.ptr(), &size) : nullptr;
  if (text != nullptr) return engine::HolderName({text, static_cast<std::size_t>(size)});
  PyErr_Clear();  // surrogates
  return {};
}

}  // namespace

void LoopCall::start(std::shared_ptr<LoopPort> port) noexcept {
  port_ = std::move(port);
  const engine::TimePoint time = engine::now();
  EventCall::start(time, time - engine::duration_of(Seconds(waited_s)));
}

void LoopCall::introduce(engine::Waiter& waiter) const { waiter.set_task(this_task()); }

/// The descriptor may be another one after the next step: it is in the set no longer than for one wait.
void LoopCall::watch(const pq::Step& step, std::uint32_t /*wait*/) {
  port_->watch(step.fd, static_cast<int>(step.wait_for), token());
  watched_fd_ = step.fd;
}

void LoopCall::unwatch(bool reported) noexcept {
  const int fd = std::exchange(watched_fd_, -1);
  if (!reported) port_->unwatch(fd);
}

void LoopCall::ended(bool /*inside*/, std::exception_ptr error) {
  clean_up();
  awaiting.failure = std::move(error);
}

void LoopCall::end() noexcept {
  drop();
  if (port_) port_->withdraw(*this);
}

}  // namespace copg::python
