// Needs the GIL. Arrivals are taken out of the queue when Python gets them, and not before: a task that is
// cancelled, or a thread that is interrupted, leaves them where they are.
#include "python/native/listener.hpp"

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <copg/listener.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/listening/listening.hpp"
#include "python/native/any_pool.hpp"
#include "python/native/binding.hpp"
#include "python/native/deadline.hpp"
#include "python/native/gil.hpp"
#include "python/native/loop_call.hpp"
#include "python/native/raised.hpp"
#include "sync/call.hpp"

namespace copg::python {
namespace {

struct ArrivalClasses {
  PyObject* notification = nullptr;
  PyObject* gap = nullptr;
} arrival_classes;

nb::object text_of(const std::string& text) {
  // The server's encoding is UTF-8 (client_encoding), but not all that was sent needs to be.
  return checked(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape"));
}

nb::object object_of(const Arrival& arrival) {
  if (const auto* const gap = std::get_if<Gap>(&arrival))
    return nb::handle(arrival_classes.gap)(gap->dropped, gap->reconnected);
  const auto& notification = std::get<Notification>(arrival);
  return nb::handle(arrival_classes.notification)(text_of(notification.channel),
                                                  text_of(notification.payload), notification.pid);
}

/// The next arrival, or None.
nb::object taken_from(engine::OpenListener& listener) {
  const std::optional<Arrival> arrival = listener.take();
  return arrival ? object_of(*arrival) : nb::none();
}

std::vector<std::string> names_of(nb::handle channels) {
  std::vector<std::string> names;
  for (const nb::handle channel : channels) {
    if (PyUnicode_Check(channel.ptr()) == 0) throw nb::type_error("channels: each is a str");
    names.push_back(nb::cast<std::string>(channel));
  }
  return names;
}

std::size_t queue_of(nb::handle queue) {
  const long long length = PyLong_Check(queue.ptr()) != 0 ? PyLong_AsLongLong(queue.ptr()) : 0;
  if (PyErr_Occurred() != nullptr) PyErr_Clear();
  if (length < 1 || length > static_cast<long long>(engine::longest_queue))
    throw nb::value_error("queue: it holds 1 to 10000000 notifications");
  return static_cast<std::size_t>(length);
}

engine::TimeLimit limit_of(nb::handle timeout, const engine::PoolEngine& engine) {
  const std::optional<Deadline> deadline = deadline_of(timeout);
  return deadline ? engine::TimeLimit::until(deadline->at()) : engine::TimeLimit(engine.timeout());
}

/// What both kinds have.
class AnyListener {
 public:
  AnyListener(nb::handle channels, nb::handle queue) : wanted_(names_of(channels)), queue_(queue_of(queue)) {
    for (const std::string& channel : wanted_) engine::check_channel(channel);
  }

  [[nodiscard]] engine::OpenListener& open() const {
    if (!open_) throw UsageError("this listener was not entered yet: use it in a with block");
    return *open_;
  }
  [[nodiscard]] const std::shared_ptr<engine::OpenListener>& shared() const {
    static_cast<void>(open());
    return open_;
  }
  /// Its channels, before it is entered and after it.
  [[nodiscard]] std::vector<std::string> channels() const {
    if (!open_) return {wanted_.begin(), wanted_.end()};
    return open_->closed() ? std::vector<std::string>() : open_->channels();
  }
  [[nodiscard]] bool closed() const noexcept { return open_ && open_->closed(); }
  void remove(nb::handle channels) { open().remove(names_of(channels)); }
  void close() noexcept {
    if (open_) open_->close();
  }
  [[nodiscard]] nb::object take() const { return taken_from(open()); }

 protected:
  void refuse_second_time() const {
    if (open_) throw UsageError("this listener was entered before: make another");
  }

  const std::vector<std::string> wanted_;
  const std::size_t queue_;
  std::shared_ptr<engine::OpenListener> open_;
};

/// For threads.
class BlockingListener final : public AnyListener {
 public:
  using AnyListener::AnyListener;

  void start(AnyPool& pool, nb::handle timeout) {
    refuse_second_time();
    const std::shared_ptr<engine::PoolEngine> engine = pool.engine();
    const engine::TimeLimit limit = limit_of(timeout, *engine);
    open_ = without_gil([&] { return sync::listen(*engine, wanted_, queue_, limit); });
  }
  void add(nb::handle channels, nb::handle timeout) {
    const std::shared_ptr<engine::OpenListener> listener = shared();
    const engine::TimeLimit limit = limit_of(timeout, listener->engine());
    without_gil([&, names = names_of(channels)] { sync::add_channels(*listener, names, limit); });
  }
  /// None: nothing has come in time, or it was closed.
  nb::object next(nb::handle timeout) {
    const std::shared_ptr<engine::OpenListener> listener = shared();
    const Deadline deadline = deadline_of(timeout).value_or(Deadline());
    without_gil([&] { sync::wait_for_arrival(*listener, deadline.at()); });
    return taken_from(*listener);
  }
};

/// Waits until a listener is ready. `made`: it is new, and is closed if that fails.
class ReadyWait final : public engine::ListenerReadyKind<LoopCall> {
 public:
  ReadyWait(const std::shared_ptr<engine::OpenListener>& listener, const engine::TimeLimit& limit,
            std::vector<std::string> added)
      : ListenerReadyKind(listener->shared_engine(), limit, listener, std::move(added)) {}
  ~ReadyWait() override { end(); }
  nb::object result() override { return nb::none(); }
};

class ArrivalWait final : public engine::ArrivalKind<LoopCall> {
 public:
  ArrivalWait(const std::shared_ptr<engine::OpenListener>& listener, const engine::TimeLimit& limit)
      : ArrivalKind(listener->shared_engine(), limit, listener) {}
  ~ArrivalWait() override { end(); }
  nb::object result() override { return taken_from(*listener()); }

 private:
  void take_result() override {}
};

/// For asyncio: what would wait gives a LoopCall.
class LoopListener final : public AnyListener {
 public:
  using AnyListener::AnyListener;

  LoopCall* start(AnyPool& pool, nb::handle timeout) {
    refuse_second_time();
    const std::shared_ptr<engine::PoolEngine>& engine = pool.engine();
    const engine::TimeLimit limit = limit_of(timeout, *engine);
    open_ = engine->listening().open(engine, wanted_, queue_);
    return new ReadyWait(open_, limit, {});
  }
  LoopCall* add(nb::handle channels, nb::handle timeout) {
    const engine::TimeLimit limit = limit_of(timeout, open().engine());
    std::vector<std::string> added = open().add(names_of(channels));
    return new ReadyWait(open_, limit, std::move(added));
  }
  LoopCall* next(nb::handle timeout) {
    const Deadline deadline = deadline_of(timeout).value_or(Deadline());
    return new ArrivalWait(shared(), engine::TimeLimit::until(deadline.at()));
  }
};

}  // namespace

void bind_listener(nb::module_& module) {
  module.def("set_arrival_classes", [](nb::object notification, nb::object gap) {
    arrival_classes = {notification.release().ptr(), gap.release().ptr()};
  });
  nb::class_<AnyListener>(module, "AnyListener", nb::is_weak_referenceable())
      .def_prop_ro("_channels", &AnyListener::channels)
      .def_prop_ro("_closed", &AnyListener::closed)
      .def("_remove", &AnyListener::remove)
      .def("_close", &AnyListener::close)
      .def("_take", &AnyListener::take);
  nb::class_<BlockingListener, AnyListener>(module, "BlockingListener")
      .def(nb::init<nb::handle, nb::handle>())
      .def("_start", &BlockingListener::start, bind::inside, nb::arg(), bind::any)
      .def("_add", &BlockingListener::add, bind::inside, nb::arg(), bind::any)
      .def("_next", &BlockingListener::next, bind::inside, bind::any);
  nb::class_<LoopListener, AnyListener>(module, "LoopListener")
      .def(nb::init<nb::handle, nb::handle>())
      .def("_start", &LoopListener::start, bind::owned, nb::arg(), bind::any)
      .def("_add", &LoopListener::add, bind::owned, nb::arg(), bind::any)
      .def("_next", &LoopListener::next, bind::owned, bind::any);
}

}  // namespace copg::python
