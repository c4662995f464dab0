#include "python/native/callback.hpp"

#include <nanobind/stl/map.h>
#include <nanobind/stl/string.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "python/native/connection.hpp"
#include "python/native/gil.hpp"
#include "python/native/interpreter_exit.hpp"

namespace copg::python {

struct Callback::State {
  std::optional<copg::Connection> connection;  // while the callback has it
  Credentials credentials;
  std::string error;
  std::mutex mutex;
  std::condition_variable changed;
  bool over = false;

  /// The first end counts.
  void end(std::string why) {
    const std::lock_guard lock(mutex);
    if (over) return;
    over = true;
    error = std::move(why);
    changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [this] { return over; });
    if (!error.empty()) throw std::runtime_error(error);
  }
};

Callback::~Callback() {
  if (state_) state_->end("its thread has ended without a result");
}

void Callback::lend(Connection& to) {
  if (state_->connection) to.borrow(std::move(*state_->connection));
  state_->connection.reset();
}

void Callback::take_back(Connection& from) { state_->connection = from.return_borrowed(); }

void Callback::give(std::string user, std::string password, std::map<std::string, std::string> options) {
  state_->credentials = {std::move(user), std::move(password), std::move(options)};
}

void Callback::succeed() { state_->end({}); }

void Callback::fail(std::string why) { state_->end(why.empty() ? "it failed" : std::move(why)); }

namespace {

std::string words_of_raised() {
  const nb::python_error raised;
  const std::string text = raised.what();
  return text.substr(0, text.find('\n'));  // without the traceback
}

/// Has pycopg._callbacks start a thread. Throws when it can't.
void start(const char* function, const Notifier& notifier, std::shared_ptr<Callback::State> state) {
  std::string failure;
  {
    const WithGil gil;
    if (is_ending()) throw std::runtime_error("the interpreter is ending");
    const NativeScope inside;
    const nb::object module = nb::steal(PyImport_ImportModule("pycopg._callbacks"));
    if (module.is_valid()) {
      const nb::object callback = nb::cast(Callback(std::move(state)));
      const nb::object answer =
          nb::steal(PyObject_CallMethod(module.ptr(), function, "OO", notifier.weak_pool(), callback.ptr()));
      if (answer.is_valid()) return;
    }
    failure = words_of_raised();
  }
  throw std::runtime_error(failure);
}

}  // namespace

void set_callbacks(PoolOptions& options, const std::function<bool(const char*)>& is_given,
                   const std::shared_ptr<Notifier>& notifier) {
  const auto set = [&](std::function<void(copg::Connection&)>& option, const char* name) {
    if (!is_given(name)) return;
    option = [notifier, name](copg::Connection& connection) {
      const auto state = std::make_shared<Callback::State>();
      state->connection.emplace(std::move(connection));
      start(name, *notifier, state);
      state->wait();
      if (state->connection) connection = std::move(*state->connection);
    };
  };
  set(options.configure, "configure");
  set(options.on_return, "on_return");
  set(options.before_close, "before_close");
  if (is_given("credentials")) {
    options.credentials = [notifier] {
      const auto state = std::make_shared<Callback::State>();
      start("credentials", *notifier, state);
      state->wait();
      return state->credentials;
    };
  }
}

void bind_callback(nb::module_& module) {
  nb::class_<Callback>(module, "Callback")
      .def("lend", &Callback::lend)
      .def("take_back", &Callback::take_back)
      .def("give", &Callback::give)
      .def("succeed", &Callback::succeed)
      .def("fail", &Callback::fail);
}

}  // namespace copg::python
