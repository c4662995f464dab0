// From the pool's thread into Python.
#include "python/native/notify.hpp"

#include <copg/log_observer.hpp>

#include <string>
#include <string_view>
#include <utility>

#include "python/native/gil.hpp"
#include "python/native/interpreter_exit.hpp"
#include "python/native/raised.hpp"
#include "python/native/seconds.hpp"

namespace copg::python {
namespace {

constexpr std::pair<std::string_view, Hook> hook_names[] = {
    {"acquired", Hook::acquired},
    {"acquire_failed", Hook::acquire_failed},
    {"slow_acquire", Hook::slow_acquire},
    {"released", Hook::released},
    {"leaked", Hook::leaked},
    {"held_idle", Hook::held_idle},
    {"opened", Hook::opened},
    {"open_failed", Hook::open_failed},
    {"outage_began", Hook::outage_began},
    {"outage_ended", Hook::outage_ended},
    {"closed", Hook::closed},
    {"reset", Hook::reset},
    {"noticed", Hook::noticed},
    {"gap", Hook::gap},
    {"statement_began", Hook::statement_began},
    {"statement_ended", Hook::statement_ended},
    {"slow_statement", Hook::slow_statement},
    {"warned", Hook::warned},
};

constexpr std::uint32_t bit_of(Hook hook) { return std::uint32_t{1} << static_cast<unsigned>(hook); }

std::string text(std::string_view view) { return std::string(view); }

/// What pycopg.events tells of an error: its message, None without one, and its SQLSTATE.
void add_error(std::vector<EventField>& fields, const ErrorInfo* error) {
  if (error == nullptr) {
    fields.emplace_back(std::monostate());
    fields.emplace_back(std::monostate());
    return;
  }
  fields.emplace_back(error->message);
  if (error->sqlstate.empty()) {
    fields.emplace_back(std::monostate());
  } else {
    fields.emplace_back(text(error->sqlstate.text()));
  }
}

/// With the GIL: what the function of that module gives; an empty object, and an unraisable exception, if it
/// can't be called.
template <class Arguments>
nb::object call(const char* module, const char* function, PyObject* weak_pool, Arguments arguments) noexcept {
  const nb::object imported = nb::steal(PyImport_ImportModule(module));
  const nb::object callee =
      imported.is_valid() ? nb::steal(PyObject_GetAttrString(imported.ptr(), function)) : nb::object();
  const nb::object given = callee.is_valid() ? nb::steal(arguments()) : nb::object();
  nb::object answer =
      given.is_valid() ? nb::steal(PyObject_CallObject(callee.ptr(), given.ptr())) : nb::object();
  if (!answer.is_valid()) PyErr_WriteUnraisable(weak_pool);
  return answer;
}

/// The exception that is being raised is put aside, since a hook may run while a call fails.
class RaisedAside {
 public:
  RaisedAside() noexcept : raised_(take_raised()) {}
  RaisedAside(const RaisedAside&) = delete;
  RaisedAside& operator=(const RaisedAside&) = delete;
  ~RaisedAside() { raise_again(std::move(raised_)); }

 private:
  nb::object raised_;
};

}  // namespace

Notifier::~Notifier() {
  const WithGil gil;
  Py_DECREF(weak_pool_);
}

void Notifier::reconnect_failed() const noexcept {
  const WithGil gil;
  call("pycopg._callbacks", "reconnect_failed", weak_pool_,
       [this] { return Py_BuildValue("(O)", weak_pool_); });
}

void Notifier::listened() const noexcept {
  const WithGil gil;
  call("pycopg._callbacks", "listened_on", weak_pool_, [this] { return Py_BuildValue("(O)", weak_pool_); });
}

// --- events

PoolObserver::PoolObserver(std::shared_ptr<const Notifier> notifier, const nb::object& hooks)
    : notifier_(std::move(notifier)) {
  want(hooks);
}

void PoolObserver::want(const nb::object& hooks) {
  std::uint32_t all = 0;
  for (const auto& [name, hook] : hook_names) {
    const int wanted = PySequence_Contains(hooks.ptr(), nb::str(name.data(), name.size()).ptr());
    if (wanted < 0) throw nb::python_error();
    if (wanted == 1) all |= bit_of(hook);
  }
  wanted_ = all;
}

bool PoolObserver::wants(Hook hook) const noexcept { return (wanted_ & bit_of(hook)) != 0; }

void PoolObserver::put(const char* hook, const event::Event& at,
                       std::vector<EventField> fields) const noexcept {
  put_event({notifier_, hook, fields_of(at, std::move(fields))});
}

void PoolObserver::acquired(const event::Acquired& event) noexcept {
  put("acquired", event, {seconds(event.wait)});
}

void PoolObserver::acquire_failed(const event::AcquireFailed& event) noexcept {
  put("acquire_failed", event, {seconds(event.wait), text(to_string(event.kind))});
}

void PoolObserver::slow_acquire(const event::SlowAcquire& event) noexcept {
  put("slow_acquire", event, {seconds(event.wait), event.holder});
}

void PoolObserver::released(const event::Released& event) noexcept {
  put("released", event, {seconds(event.usage)});
}

void PoolObserver::leaked(const event::Leaked& event) noexcept {
  put("leaked", event, {seconds(event.age), event.holder});
}

void PoolObserver::held_idle(const event::HeldIdle& event) noexcept {
  put("held_idle", event, {seconds(event.idle), event.holder});
}

void PoolObserver::opened(const event::Opened& event) noexcept {
  put("opened", event,
      {seconds(event.connect_time), seconds(event.credentials), seconds(event.connect),
       seconds(event.configure)});
}

void PoolObserver::open_failed(const event::OpenFailed& event) noexcept {
  std::vector<EventField> fields;
  add_error(fields, &event.error);
  put("open_failed", event, std::move(fields));
}

void PoolObserver::outage_began(const event::OutageBegan& event) noexcept {
  std::vector<EventField> fields;
  add_error(fields, &event.error);
  put("outage_began", event, std::move(fields));
}

void PoolObserver::outage_ended(const event::OutageEnded& event) noexcept {
  put("outage_ended", event, {seconds(event.duration), static_cast<std::int64_t>(event.failures)});
}

void PoolObserver::closed(const event::Closed& event) noexcept {
  put("closed", event, {text(to_string(event.reason)), text(event.text), seconds(event.age)});
}

void PoolObserver::reset(const event::Reset& event) noexcept {
  put("reset", event, {seconds(event.reset_time)});
}

void PoolObserver::noticed(const event::Noticed& event) noexcept {
  const Notice& notice = event.notice;
  put("noticed", event,
      {notice.severity, text(notice.sqlstate.text()), notice.message, notice.detail, notice.hint,
       notice.context});
}

void PoolObserver::warned(const event::Warned& event) noexcept { put("warned", event, {text(event.text)}); }

void PoolObserver::gap(const event::Gap& event) noexcept {
  put("gap", event, {event.reconnected, event.channels});
}

void PoolObserver::slow_statement(const event::SlowStatement& event) noexcept {
  std::vector<EventField> fields = {event.text, event.where, seconds(event.wait), seconds(event.took),
                                    event.rows};
  add_error(fields, event.error);
  put("slow_statement", event, std::move(fields));
}

// --- statements: at once, on the thread of the caller

std::shared_ptr<void> PoolObserver::statement_began(const event::StatementBegan& event) noexcept {
  if (is_ending()) return nullptr;
  const WithGil gil;
  const RaisedAside raised;
  PyObject* const weak_pool = notifier_->weak_pool();
  nb::object begun = call("pycopg._events", "statement_began", weak_pool, [&]() -> PyObject* {
    nb::object types = nb::steal(PyTuple_New(static_cast<Py_ssize_t>(event.types.size())));
    for (std::size_t i = 0; types.is_valid() && i < event.types.size(); ++i)
      PyTuple_SET_ITEM(types.ptr(), static_cast<Py_ssize_t>(i), PyLong_FromUnsignedLong(event.types[i]));
    const nb::object fields =
        nb::steal(tuple_of(fields_of(event, {text(event::to_string(event.verb)), text(event.text),
                                             static_cast<std::int64_t>(event.statements)})));
    if (!types.is_valid() || !fields.is_valid()) return nullptr;
    return Py_BuildValue("(OOO)", weak_pool, fields.ptr(), types.ptr());
  });
  if (!begun.is_valid()) return nullptr;
  return {static_cast<void*>(begun.release().ptr()), [](void* object) {
            const WithGil held;
            Py_DECREF(static_cast<PyObject*>(object));
          }};
}

void PoolObserver::statement_ended(const event::StatementEnded& event,
                                   const std::shared_ptr<void>& begun) noexcept {
  if (!begun || is_ending()) return;
  const WithGil gil;
  const RaisedAside raised;
  PyObject* const weak_pool = notifier_->weak_pool();
  call("pycopg._events", "statement_ended", weak_pool, [&]() -> PyObject* {
    std::vector<EventField> fields = {text(event::to_string(event.verb)),
                                      text(event.text),
                                      static_cast<std::int64_t>(event.statements),
                                      seconds(event.wait),
                                      seconds(event.took),
                                      event.rows,
                                      event.shared,
                                      event.abandoned};
    if (event.error == nullptr) {
      fields.emplace_back(std::monostate());
    } else {
      fields.emplace_back(text(to_string(event.error->kind)));
    }
    add_error(fields, event.error);
    const nb::object tuple = nb::steal(tuple_of(fields_of(event, std::move(fields))));
    if (!tuple.is_valid()) return nullptr;
    return Py_BuildValue("(OOO)", weak_pool, tuple.ptr(), static_cast<PyObject*>(begun.get()));
  });
}

// --- the log

Observers observers_of(const nb::dict& options, const std::shared_ptr<Notifier>& notifier) {
  Observers observers(std::make_shared<PoolObserver>(notifier, nb::object(options["hooks"])));
  const bool in_detail = nb::cast<bool>(nb::object(options["log_in_detail"]));
  observers.add(std::make_shared<copg::LogObserver>(
      in_detail ? LogLevel::debug : LogLevel::warning, [notifier](const LogLine& line) {
        put_event({notifier, "log",
                   fields_of(line.at, {text(to_string(line.level)), text(line.event), line.text,
                                       seconds(line.duration)})});
      }));
  return observers;
}

PoolObserver& observer_of(const PoolOptions& options) {
  return static_cast<PoolObserver&>(**options.observer.begin());
}

ResultRows answered_rows(Result result, const TypesNow& types, const PoolOptions& options) {
  ResultRows rows(std::move(result), types);
  if (rows.is_listen()) [[unlikely]]
    observer_of(options).listened();
  return rows;
}

}  // namespace copg::python
