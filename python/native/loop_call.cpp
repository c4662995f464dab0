// What the engine is told of asyncio, and asyncio of the engine.
#include "python/native/loop_call.hpp"

#include <utility>

#include "python/native/imported.hpp"

namespace copg::python {

namespace {

struct Task {
  nb::object object;
  engine::HolderName name;
};

/// Asked for each lease: when a message needs the name, the engine's mutex is held, under which no code of
/// Python's may run.
Task this_task() {
  nb::object task = nb::steal(PyObject_CallNoArgs(imported().current_task));
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
  if (text != nullptr) return {std::move(task), engine::HolderName({text, static_cast<std::size_t>(size)})};
  PyErr_Clear();  // surrogates
  return {};
}

/// Nullptr without an exception: the object has no such attribute.
nb::object attribute_or_null(PyObject* object, PyObject* name) noexcept {
  PyObject* value = nullptr;
#if PY_VERSION_HEX >= 0x030D0000
  const int found = PyObject_GetOptionalAttr(object, name, &value);
#else
  const int found = _PyObject_LookupAttr(object, name, &value);
#endif
  if (found < 0) PyErr_Clear();
  return nb::steal(value);
}

/// The task keeps it: another at the same address has another one. `unknown_holder` if the task has none, and
/// gets none.
pool::HolderId holder_id_of(const nb::object& task, bool give_one) {
  if (!task.is_valid()) return pool::unknown_holder;
  if (const nb::object known = attribute_or_null(task.ptr(), imported().holder_id); known.is_valid()) {
    const unsigned long long id = PyLong_AsUnsignedLongLong(known.ptr());
    if (PyErr_Occurred() == nullptr) return id;
    PyErr_Clear();
    return pool::unknown_holder;
  }
  if (!give_one) return pool::unknown_holder;
  const pool::HolderId id = engine::new_holder_id();
  const nb::object number = nb::steal(PyLong_FromUnsignedLongLong(id));
  if (number.is_valid() && PyObject_SetAttr(task.ptr(), imported().holder_id, number.ptr()) == 0) return id;
  PyErr_Clear();  // a task factory may make what takes no attribute
  return pool::unknown_holder;
}

}  // namespace

void LoopCall::start(std::shared_ptr<LoopPort> port) noexcept {
  port_ = std::move(port);
  const engine::TimePoint time = engine::now();
  EventCall::start(time, time - engine::duration_of(Seconds(waited_s)));
}

void LoopCall::introduce(engine::Waiter& waiter) const {
  const Task task = this_task();
  waiter.set_task(task.name, holder_id_of(task.object, leases()));
}

bool LeaseWait::attempt(LoopLease& lease, const SourceLocation& where) {
  const Task task = this_task();
  engine::Requester who = engine::this_thread();
  if (!task.name.empty())
    who = {task.name, engine::NumberOf::task, 0, holder_id_of(task.object, true)};
  else
    who.id = pool::unknown_holder;
  const bool leased = lease.engine->leases().try_acquire(lease.lease, engine::now(), {where, who});
  if (leased && !lease.name.empty()) lease.tell_name();
  return leased;
}

HostWait::HostWait(std::shared_ptr<routing::Router> router, std::shared_ptr<LoopLease> lease,
                   const engine::TimeLimit& limit, const cluster::Request& request)
    : HostKind(*router, request, limit), router_(std::move(router)), lease_(std::move(lease)) {
  if (!lease_->host) lease_->host = std::make_shared<routing::HeldHost>(router_, routing::HostLease());
}

nb::object HostWait::result() {
  taken_ = true;
  lease_->engine = (**lease_->host).host->pool;
  return nb::none();
}

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
