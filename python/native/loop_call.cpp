// The states of a call, and who tells it of what.
#include "python/native/loop_call.hpp"

#include <utility>

#include "python/native/python_types.hpp"

namespace copg::python {

using engine::PoolEngine;

namespace {

/// Asked for each lease: when a message needs the name, the engine's mutex is held, under which no code of
/// Python's may run.
engine::HolderName this_task() {
  const nb::object task = nb::steal(PyObject_CallNoArgs(python_types().current_task));
  if (!task.is_valid()) throw nb::python_error();
  if (task.is_none()) return {};
  const nb::object name = nb::steal(PyObject_CallMethodNoArgs(task.ptr(), python_types().get_name));
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

// --- a connection

LoopProgress LeaseWait::begin() {
  set_task(this_task());
  const engine::TimePoint time = engine::now();
  const engine::TimePoint deadline = engine::after(time, engine::duration_of(timeout_));
  const auto attempt = lease_->engine->acquire(lease_->lease, *this, time, deadline, where_);
  queued_ = attempt == PoolEngine::Attempt::queued;
  return queued_ ? LoopProgress::port : LoopProgress::done;
}

LoopProgress LeaseWait::proceed(int /*ready*/) {
  if (!has_waited()) return LoopProgress::port;
  queued_ = false;
  lease_->engine->collect(lease_->lease, *this, engine::now());
  return LoopProgress::done;
}

/// A task that is cancelled after the grant and before it was told never enters its block, so nobody else
/// would give the connection back.
void LeaseWait::end() noexcept {
  if (std::exchange(queued_, false)) lease_->engine->give_up(lease_->lease, *this);
  if (!std::exchange(taken_, true)) lease_->engine->release(lease_->lease);
  leave_port();
}

// --- the pool

LoopProgress PoolWait::begin() {
  const engine::TimePoint deadline = engine::after(engine::now(), engine::duration_of(timeout_));
  watching_ = !engine_->watch(*this, until_, deadline);
  return watching_ ? LoopProgress::port : LoopProgress::done;
}

LoopProgress PoolWait::proceed(int /*ready*/) {
  if (!has_waited()) return LoopProgress::port;
  watching_ = false;
  engine_->collect(*this);
  return LoopProgress::done;
}

void PoolWait::end() noexcept {
  if (std::exchange(watching_, false)) engine_->give_up(*this);
  leave_port();
}

// --- a statement

StatementWait::StatementWait(std::shared_ptr<LoopLease> lease, const SourceLocation* where)
    : lease_(std::move(lease)), own_lease_(where != nullptr) {
  if (where != nullptr) where_ = *where;
}

LoopProgress StatementWait::begin() {
  if (own_lease_) waiter().set_task(this_task());
  const engine::TimePoint time = engine::now();
  begin_ = time - engine::duration_of(Seconds(waited_s));
  deadline_ = engine::after(begin_, engine::duration_of(lease_->timeout));
  begun_ = true;
  lease_->call_begins();
  prepare();
  return wait_for(own_lease_ ? acquire(time, deadline_, where_) : steps().begin(time, deadline_));
}

LoopProgress StatementWait::wait_for(Progress progress) {
  queued_ = progress == Progress::queued;
  if (queued_) {
    driven_ = false;  // that was for the connection it may have had
    return LoopProgress::port;
  }
  if (progress == Progress::done) return LoopProgress::done;
  // From here on bytes may have been sent, so that the lease stays with this connection to the end.
  if (!driven_) {
    lease_->engine->take_back_descriptor(*lease_->lease.slot);
    lease_->engine->drive(lease_->lease, *this, deadline_);
    driven_ = true;
  }
  return LoopProgress::descriptor;
}

LoopProgress StatementWait::proceed(int ready) {
  if (queued_) {
    if (!has_waited()) return LoopProgress::port;
    queued_ = false;
    return wait_for(steps().granted(engine::now()));
  }
  if (const Stopped stopped = stop_.load(); stopped != Stopped::no) {
    raise(lease_->engine->undone(steps(), stopped == Stopped::cut, engine::now() - begin_));
  }
  if (ready == 0) return LoopProgress::descriptor;
  return wait_for(steps().advance(static_cast<pq::Ready>(ready)));
}

void StatementWait::end() noexcept {
  if (std::exchange(over_, true)) return;
  unwatch();
  if (std::exchange(queued_, false)) lease_->engine->give_up(lease_->lease, waiter());
  // A lease that is gone has taken its driver along.
  if (std::exchange(driven_, false) && lease_->lease) lease_->engine->drive_no_more(lease_->lease);
  drop_steps();
  if (begun_) lease_->call_ends();
  if (own_lease_) lease_->engine->release(lease_->lease);
  leave_port();
}

}  // namespace copg::python
