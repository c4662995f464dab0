#include "python/native/event_queue.hpp"

#include <pthread.h>

#include <nanobind/stl/string.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <utility>

#include "python/native/gil.hpp"
#include "python/native/notify.hpp"
#include "python/native/raised.hpp"

namespace copg::python {
namespace {

struct Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<QueuedEvent> events;
  std::uint64_t dropped = 0;
  bool served = false;      // a thread of Python's takes from it, or is being started
  bool delivering = false;  // that thread has taken something, and is not back
};
// Never destroyed: threads wait in it until the process is gone.
Queue& event_queue = *new Queue;
/// In a forked child that thread is missing, and another may have held the mutex. What was queued is the
/// parent's.
[[maybe_unused]] const int queue_registered =
    pthread_atfork(nullptr, nullptr, [] { new (&event_queue) Queue; });

/// Has pycopg._events start the thread.
void start_serving() noexcept {
  const WithGil gil;
  const nb::object raised = take_raised();
  const nb::object module = nb::steal(PyImport_ImportModule("pycopg._events"));
  const nb::object answer =
      module.is_valid() ? nb::steal(PyObject_CallMethod(module.ptr(), "serve", nullptr)) : nb::object();
  if (!answer.is_valid()) {
    PyErr_WriteUnraisable(nullptr);
    const std::lock_guard lock(event_queue.mutex);
    event_queue.served = false;
  }
  raise_again(raised);
}

PyObject* object_of(const EventField& field) {
  struct Make {
    PyObject* operator()(std::int64_t number) const { return PyLong_FromLongLong(number); }
    PyObject* operator()(double number) const { return PyFloat_FromDouble(number); }
    PyObject* operator()(bool value) const { return PyBool_FromLong(value ? 1 : 0); }
    PyObject* operator()(const std::string& text) const {
      return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
    }
    PyObject* operator()(const std::vector<std::string>& texts) const {
      PyObject* const tuple = PyTuple_New(static_cast<Py_ssize_t>(texts.size()));
      for (std::size_t i = 0; tuple != nullptr && i < texts.size(); ++i) {
        PyObject* const text = (*this)(texts[i]);
        if (text == nullptr) {
          Py_DECREF(tuple);
          return nullptr;
        }
        PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), text);
      }
      return tuple;
    }
    PyObject* operator()(std::monostate) const {
      Py_INCREF(Py_None);
      return Py_None;
    }
  };
  return std::visit(Make(), field);
}

/// Waits up to `idle_s` for events, and gives them: (weak pool, hook, fields) each, and how many were dropped
/// before them. None: there were none, and the thread that asks ends.
nb::object take_events(double idle_s) {
  std::deque<QueuedEvent> events;
  std::uint64_t dropped = 0;
  const bool some = without_gil([&] {
    std::unique_lock lock(event_queue.mutex);
    event_queue.delivering = false;
    event_queue.changed.notify_all();
    event_queue.changed.wait_for(lock, std::chrono::duration<double>(idle_s),
                                 [] { return !event_queue.events.empty(); });
    if (event_queue.events.empty()) {
      event_queue.served = false;
      return false;
    }
    event_queue.delivering = true;
    events.swap(event_queue.events);
    dropped = std::exchange(event_queue.dropped, 0);
    return true;
  });
  if (!some) return nb::none();
  nb::list list;
  for (const QueuedEvent& event : events) {
    const nb::object fields = checked(tuple_of(event.fields));
    list.append(nb::make_tuple(nb::borrow(event.to->weak_pool()), nb::str(event.hook), fields));
  }
  return nb::make_tuple(list, dropped);
}

/// Waits up to `patience_s` until all that was queued has been told.
void wait_for_events(double patience_s) {
  without_gil([patience_s] {
    std::unique_lock lock(event_queue.mutex);
    event_queue.changed.wait_for(lock, std::chrono::duration<double>(patience_s),
                                 [] { return event_queue.events.empty() && !event_queue.delivering; });
  });
}

/// Reports an exception through sys.unraisablehook.
void report_unraisable(nb::handle error, nb::handle where) {
  raise_again(nb::borrow(error));
  PyErr_WriteUnraisable(where.ptr());
}

}  // namespace

std::vector<EventField> fields_of(const event::Event& at, std::vector<EventField> more) {
  std::vector<EventField> fields;
  fields.reserve(3 + more.size());
  fields.emplace_back(std::string(at.pool));
  fields.emplace_back(static_cast<std::int64_t>(at.connection));
  fields.emplace_back(static_cast<std::int64_t>(at.backend_pid));
  for (EventField& field : more) fields.push_back(std::move(field));
  return fields;
}

PyObject* tuple_of(const std::vector<EventField>& fields) noexcept {
  PyObject* const tuple = PyTuple_New(static_cast<Py_ssize_t>(fields.size()));
  for (std::size_t i = 0; tuple != nullptr && i < fields.size(); ++i) {
    PyObject* const value = object_of(fields[i]);
    if (value == nullptr) {
      Py_DECREF(tuple);
      return nullptr;
    }
    PyTuple_SET_ITEM(tuple, static_cast<Py_ssize_t>(i), value);
  }
  return tuple;
}

void put_event(QueuedEvent event) noexcept {
  bool starts = false;
  {
    const std::lock_guard lock(event_queue.mutex);
    if (event_queue.events.size() == queued_events) {
      ++event_queue.dropped;
      return;
    }
    event_queue.events.push_back(std::move(event));
    starts = !std::exchange(event_queue.served, true);
  }
  if (starts) {
    start_serving();
  } else {
    event_queue.changed.notify_all();
  }
}

void bind_event_queue(nb::module_& module) {
  module.def("take_events", take_events);
  module.def("wait_for_events", wait_for_events);
  module.def("report_unraisable", report_unraisable);
}

}  // namespace copg::python
