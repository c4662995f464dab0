// The protocol between a task and what it awaits is that of asyncio.Future: the task is given the object that
// it waits for, which has `_asyncio_future_blocking`, adds a function to be called when that is done, and
// asks for its result. What a Future does beyond that, asyncio does not ask for.
#include "python/native/loop_reader.hpp"

#include <exception>
#include <stdexcept>
#include <utility>

#include "python/native/imported.hpp"
#include "python/native/interpreter_exit.hpp"
#include "python/native/loop_call.hpp"
#include "python/native/raised.hpp"

namespace copg::python {
namespace {

using Phase = Awaiting::Phase;

// --- the reader of each event loop

/// Those that live.
struct Readers {
  nb::ft_mutex mutex;
  std::unordered_map<PyObject*, LoopReader*> by_loop;
  PyObject* make = nullptr;  // a function that makes the one of an event loop
};
/// Never destroyed: the interpreter may be gone by then.
Readers& readers() {
  static auto* const instance = new Readers;
  return *instance;
}

LoopReader* known_reader(nb::handle loop) {
  Readers& all = readers();
  const nb::ft_lock_guard lock(all.mutex);
  const auto found = all.by_loop.find(loop.ptr());
  return found != all.by_loop.end() && found->second->reads_for(loop) ? found->second : nullptr;
}

LoopReader& reader_of(nb::handle loop) {
  if (LoopReader* const known = known_reader(loop)) return *known;
  nb::handle(readers().make)(loop);
  return *known_reader(loop);
}

// --- a call that is awaited

LoopCall& call_of(PyObject* self) noexcept { return *nb::inst_ptr<LoopCall>(self); }

/// Nobody waits for it any more. May come twice.
void let_go(LoopCall& call) noexcept {
  Awaiting& awaiting = call.awaiting;
  const Phase before = std::exchange(awaiting.phase, Phase::over);
  call.end();
  if (before != Phase::waiting) return;
  if (LoopReader* const reader = known_reader(awaiting.loop)) reader->forget(call);
}

/// False: it is done already.
bool start(LoopCall& call, PyObject* self) {
  nb::object loop = checked(PyObject_CallNoArgs(imported().get_running_loop));
  LoopReader& reader = reader_of(loop);
  call.start(reader.port());
  if (call.over()) return false;
  call.awaiting.loop = std::move(loop);
  call.awaiting.phase = Phase::waiting;
  call.awaiting.blocking = true;
  reader.keep(call, self);
  return true;
}

/// An empty object: the task is to wait.
nb::object go_on(LoopCall& call, PyObject* self) {
  const NativeScope inside;
  try {
    switch (call.awaiting.phase) {
      case Phase::unstarted:
        if (start(call, self)) return {};
        break;
      case Phase::waiting: throw std::runtime_error("this call is awaited already");
      case Phase::woken: break;
      case Phase::over: throw std::runtime_error("this call was awaited before");
    }
    if (call.awaiting.failure) std::rethrow_exception(std::exchange(call.awaiting.failure, nullptr));
    nb::object result = call.result();
    let_go(call);
    return result;
  } catch (...) {
    let_go(call);
    throw;
  }
}

/// With the exception set that the one under way stands for: nanobind's functions know how.
void set_raised(PyObject* self) {
  call_of(self).awaiting.failure = std::current_exception();
  Py_XDECREF(PyObject_CallMethod(self, "_raise", nullptr));
}

void raise_failure(LoopCall& call) { call.throw_failure(std::exchange(call.awaiting.failure, nullptr)); }

PyObject* give_self(PyObject* self) {
  Py_INCREF(self);
  return self;
}

/// What a task does with what it awaits, where it knows am_send.
#if PY_VERSION_HEX >= 0x030A0000
PySendResult send(PyObject* self, PyObject* /*value*/, PyObject** out) {
  *out = nullptr;
  try {
    nb::object result = go_on(call_of(self), self);
    const bool waits = !result.is_valid();
    *out = waits ? give_self(self) : result.release().ptr();
    return waits ? PYGEN_NEXT : PYGEN_RETURN;
  } catch (...) {
    set_raised(self);
    return PYGEN_ERROR;
  }
}
#endif

/// The same where it does not.
PyObject* next(PyObject* self) {
  try {
    const nb::object result = go_on(call_of(self), self);
    if (!result.is_valid()) return give_self(self);
    const nb::object stop = checked(PyObject_CallOneArg(PyExc_StopIteration, result.ptr()));
    PyErr_SetObject(PyExc_StopIteration, stop.ptr());
  } catch (...) {
    set_raised(self);
  }
  return nullptr;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  if (!nb::inst_ready(self)) return 0;
  const LoopCall& call = call_of(self);
  Py_VISIT(call.awaiting.loop.ptr());
  Py_VISIT(call.awaiting.wakeup.ptr());
  Py_VISIT(call.awaiting.context.ptr());
  return call.traverse(visit, arg);
}

int clear(PyObject* self) {
  let_go(call_of(self));
  Awaiting& awaiting = call_of(self).awaiting;
  awaiting.loop.reset();
  awaiting.wakeup.reset();
  awaiting.context.reset();
  return 0;
}

PyType_Slot call_slots[] = {{Py_am_await, reinterpret_cast<void*>(give_self)},
                            {Py_tp_iter, reinterpret_cast<void*>(give_self)},
                            {Py_tp_iternext, reinterpret_cast<void*>(next)},
#if PY_VERSION_HEX >= 0x030A0000
                            {Py_am_send, reinterpret_cast<void*>(send)},
#endif
                            {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                            {Py_tp_clear, reinterpret_cast<void*>(clear)},
                            {0, nullptr}};

void call_soon(Awaiting& awaiting, nb::handle self) {
  const nb::object wakeup = std::move(awaiting.wakeup);
  awaiting.loop.attr("call_soon")(wakeup, self, nb::arg("context") = awaiting.context);
}

void add_done_callback(nb::handle self, nb::object wakeup, nb::object context) {
  Awaiting& awaiting = call_of(self.ptr()).awaiting;
  if (awaiting.wakeup.is_valid()) throw std::runtime_error("this call is awaited already");
  awaiting.wakeup = std::move(wakeup);
  awaiting.context = std::move(context);
  if (awaiting.phase != Phase::waiting) call_soon(awaiting, self);
}

/// The task goes on in the next round of the event loop, and is told by `get_result`.
bool cancel(nb::handle self, nb::object message) {
  LoopCall& call = call_of(self.ptr());
  Awaiting& awaiting = call.awaiting;
  if (awaiting.phase != Phase::waiting) return false;
  awaiting.phase = Phase::woken;
  awaiting.cancelled = true;
  awaiting.message = std::move(message);
  if (LoopReader* const reader = known_reader(awaiting.loop)) reader->forget(call);
  if (awaiting.wakeup.is_valid()) call_soon(awaiting, self);
  return true;
}

/// None of the call, but whether to go on: what comes of it is given by `send`.
void get_result(LoopCall& call) {
  const Awaiting& awaiting = call.awaiting;
  if (!awaiting.cancelled) return;
  const nb::handle type(imported().cancelled_error);
  const nb::object error = awaiting.message.is_none() ? type() : type(awaiting.message);
  PyErr_SetObject(type.ptr(), error.ptr());
  throw nb::python_error();
}

/// The task is cancelled, or its coroutine closed. Everything is let go of before any code of the user's
/// runs.
void throw_into(LoopCall& call, nb::args raised) {
  let_go(call);
  for (const nb::handle one : raised) {
    if (!PyExceptionInstance_Check(one.ptr())) continue;
    raise_again(nb::borrow(one));
    throw nb::python_error();
  }
  PyErr_SetObject(raised[0].ptr(), raised.size() > 1 ? nb::handle(raised[1]).ptr() : nullptr);
  throw nb::python_error();
}

int traverse_reader(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<LoopReader>(self)->traverse(visit, arg) : 0;
}

int clear_reader(PyObject* self) {
  nb::inst_ptr<LoopReader>(self)->clear();
  return 0;
}

PyType_Slot reader_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_reader)},
                              {Py_tp_clear, reinterpret_cast<void*>(clear_reader)},
                              {0, nullptr}};

}  // namespace

LoopReader::LoopReader(nb::handle loop) : loop_(checked(PyWeakref_NewRef(loop.ptr(), nullptr))) {
  Readers& all = readers();
  const nb::ft_lock_guard lock(all.mutex);
  all.by_loop[loop.ptr()] = this;
}

LoopReader::~LoopReader() {
  clear();
  Readers& all = readers();
  const nb::ft_lock_guard lock(all.mutex);
  std::erase_if(all.by_loop, [this](const auto& known) { return known.second == this; });
}

/// Another loop may have got the place in memory of one that is gone.
bool LoopReader::reads_for(nb::handle loop) const {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* strong = nullptr;
  if (PyWeakref_GetRef(loop_.ptr(), &strong) <= 0) return false;
  const nb::object held = nb::steal(strong);
  return held.is(loop);
#else
  return PyWeakref_GetObject(loop_.ptr()) == loop.ptr();
#endif
}

void LoopReader::keep(LoopCall& call, nb::handle object) { calls_.emplace(call.token(), nb::borrow(object)); }

void LoopReader::forget(const LoopCall& call) {
  // What the object takes along when it goes may come back here.
  auto node = calls_.extract(call.token());
}

int LoopReader::traverse(visitproc visit, void* arg) const {
  for (const auto& [token, call] : calls_) Py_VISIT(call.ptr());
  return 0;
}

void LoopReader::clear() {
  const auto kept = std::move(calls_);
  calls_.clear();
}

nb::list LoopReader::take() {
  constexpr int most_rounds = 8;  // then it is the turn of what else the loop has to do
  nb::list woken;
  do {
    const bool first = rounds_++ == 0;
    const auto news = first ? port_->take() : port_->take_more(rounds_ < most_rounds);
    if (!first && news.empty()) {
      rounds_ = 0;
      break;
    }
    for (const LoopPort::News one : news) advance_call(one, woken);
  } while (nb::len(woken) == 0);
  return woken;
}

void LoopReader::advance_call(LoopPort::News news, nb::list& woken) {
  const auto found = calls_.find(news.token);
  if (found == calls_.end()) return;
  const nb::object object = found->second;
  LoopCall& call = call_of(object.ptr());
  Awaiting& awaiting = call.awaiting;
  call.go_on(news.ready);
  if (!call.over()) return;
  awaiting.phase = Phase::woken;
  forget(call);
  if (!awaiting.wakeup.is_valid()) return;
  woken.append(nb::make_tuple(std::move(awaiting.context), std::move(awaiting.wakeup), object));
}

void bind_loop_reader(nb::module_& module) {
  nb::class_<LoopReader>(module, "LoopReader", nb::type_slots(reader_slots))
      .def(nb::init<nb::handle>())
      .def_prop_ro("fd", &LoopReader::fd)
      .def("take", &LoopReader::take, nb::call_guard<NativeScope>());
  module.def("set_reader_maker", [](nb::object make) { readers().make = make.release().ptr(); });
  nb::class_<LoopCall>(module, "LoopCall", nb::type_slots(call_slots))
      .def_prop_rw(
          "_asyncio_future_blocking", [](const LoopCall& call) { return call.awaiting.blocking; },
          [](LoopCall& call, bool blocking) { call.awaiting.blocking = blocking; })
      .def_rw("waited_s", &LoopCall::waited_s)
      .def("get_loop", [](const LoopCall& call) { return call.awaiting.loop; })
      .def("add_done_callback", add_done_callback, nb::arg("callback"), nb::kw_only(),
           nb::arg("context").none() = nb::none())
      .def("cancel", cancel, nb::arg("msg").none() = nb::none())
      .def("result", get_result)
      .def("throw", throw_into)
      .def("close", let_go)
      .def("_raise", raise_failure);
}

}  // namespace copg::python
