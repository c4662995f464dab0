// The hot path: the statement is read and the rows are made with the GIL, everything in between without it.
#include "python/native/pool.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "python/native/ending.hpp"
#include "python/native/gil.hpp"
#include "python/native/location.hpp"
#include "python/native/mistakes.hpp"
#include "python/native/notify.hpp"
#include "python/native/python_rows.hpp"
#include "python/native/statement.hpp"
#include "python/native/waiting.hpp"

namespace copg::python {
namespace {

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

[[noreturn]] void reject_closed(std::string message) {
  throw PoolClosed(ErrorInfo{.kind = ErrorKind::pool_closed, .message = std::move(message)});
}

}  // namespace

Pool::Pool(const Config& config, PoolOptions options, RowKind rows, bool checked)
    : config_(config), options_(std::move(options)), rows_(rows), checked_(checked) {
  try {
    options_.validate();
  } catch (const ConfigurationError& error) {
    throw nb::value_error(error.what());
  }
  const auto encoding = config_.options.find("client_encoding");
  if (encoding != config_.options.end() && encoding->second != "UTF8")
    throw ConfigurationError(fmt::format(
        "client_encoding = '{}': it must be UTF8, in which Python's strings travel", encoding->second));
  config_.validate();
}

Pool::~Pool() {
  if (!database_) return;
  without_gil([this] {
    database_->close(Seconds(0));
    database_.reset();
  });
}

void Pool::open() {
  if (closed_) reject_closed("the pool was closed and can't be opened again: make another");
  if (is_ending()) reject_closed("the interpreter is ending: no pool opens any more");
  if (!database_) database_ = std::make_shared<PooledDatabase>(config_, options_);
}

PooledDatabase& Pool::database() {
  if (closed_) reject_closed(fmt::format("pool '{}' is closed", config_.database));
  if (!database_)
    reject_closed(fmt::format("pool '{}' is not open yet: call open() first", config_.database));
  return *database_;
}

Rows Pool::run(nb::handle sql, nb::handle params) {
  if (checked_) [[unlikely]]
    return nb::cast<Rows&>(nb::find(*this).attr("_checked_execute")(sql, params));
  PooledDatabase& db = database();
  const Statement statement(sql.ptr(), params.ptr());
  const SourceLocation where = caller();
  return Rows(without_gil([&] { return db.execute(Sql(statement.text(), where), statement.params()); }));
}

nb::object Pool::execute(nb::handle sql, nb::handle params) {
  const Rows rows = run(sql, params);
  return rows.fetch(0, rows.size(), rows_);
}

nb::object Pool::fetch_one(nb::handle sql, nb::handle params) {
  const Rows rows = run(sql, params);
  rows.require_columns();
  return rows.size() > 0 ? rows.row(0, rows_) : nb::none();
}

nb::object Pool::fetch_val(nb::handle sql, nb::handle params) {
  const Rows rows = run(sql, params);
  rows.require_columns();
  return rows.size() > 0 ? rows.value() : nb::none();
}

std::int64_t Pool::execute_many(nb::handle sql, nb::handle rows) {
  if (checked_) [[unlikely]]
    return nb::cast<std::int64_t>(nb::find(*this).attr("_checked_execute_many")(sql, rows));
  PooledDatabase& db = database();
  auto text = known_text(sql.ptr());
  const SourceLocation where = caller();
  PythonRows source(text, rows);
  if (source.empty()) return 0;
  return without_gil([&] { return db.execute_many(Sql(text->text.sql, where), source); });
}

nb::dict Pool::stats() {
  PoolStats stats;
  if (database_) {
    stats = database_->stats();
  } else {
    stats.pool_min = static_cast<std::uint32_t>(options_.min_size);
    stats.pool_max = static_cast<std::uint32_t>(options_.max_size);
  }
  nb::dict result;
  result["pool_min"] = stats.pool_min;
  result["pool_max"] = stats.pool_max;
  result["pool_size"] = stats.pool_size;
  result["pool_available"] = stats.pool_available;
  result["requests_waiting"] = stats.requests_waiting;
  result["requests_num"] = stats.requests_num;
  result["requests_queued"] = stats.requests_queued;
  result["requests_wait_ms"] = milliseconds(stats.requests_wait);
  result["requests_errors"] = stats.requests_errors;
  result["requests_cancelled"] = stats.requests_cancelled;
  result["usage_ms"] = milliseconds(stats.usage);
  result["returns_bad"] = stats.returns_bad;
  result["resets_num"] = stats.resets_num;
  result["connections_num"] = stats.connections_num;
  result["connections_ms"] = milliseconds(stats.connections_time);
  result["connections_errors"] = stats.connections_errors;
  result["connections_lost"] = stats.connections_lost;
  return result;
}

void Pool::check() {
  without_gil([&db = database()] { db.check(); });
}

void Pool::wait(double timeout_s) {
  if (!(timeout_s >= 0))
    throw nb::value_error(fmt::format("timeout = {}: it must be at least 0 s", timeout_s).c_str());
  without_gil([&db = database(), timeout_s] { db.wait(Seconds(timeout_s)); });
}

void Pool::close(double timeout_s) {
  if (!(timeout_s >= 0))
    throw nb::value_error(fmt::format("timeout = {}: it must be at least 0 s", timeout_s).c_str());
  closed_ = true;
  if (!database_) return;
  run_interruptibly([db = database_, timeout_s] { db->close(Seconds(timeout_s)); });
}

std::string Pool::repr(const std::string& class_name) const {
  const int size = database_ ? static_cast<int>(database_->stats().pool_size) : 0;
  const int max_size = database_ ? static_cast<int>(database_->stats().pool_max) : options_.max_size;
  return fmt::format("{}('{}', size={}/{})", class_name, config_.database, size, max_size);
}

namespace {

/// The keyword arguments of Pool.__init__, which Python has given their defaults.
PoolOptions options_of(const nb::dict& given, nb::handle weak_pool) {
  PoolOptions options;
  const auto seconds = [&](const char* name) { return Seconds(nb::cast<double>(given[name])); };
  options.min_size = nb::cast<int>(given["min_size"]);
  options.max_size = nb::cast<int>(given["max_size"]);
  options.max_idle = seconds("max_idle");
  options.max_lifetime = seconds("max_lifetime");
  options.timeout = seconds("timeout");
  options.num_workers = nb::cast<int>(given["num_workers"]);
  options.reconnect_timeout = seconds("reconnect_timeout");
  options.name = nb::cast<std::string>(given["name"]);
  options.max_waiting = nb::cast<int>(given["max_waiting"]);
  options.connect_timeout = seconds("connect_timeout");
  options.min_idle = nb::cast<int>(given["min_idle"]);
  options.reset = static_cast<ResetMode>(nb::cast<int>(given["reset"]));
  options.prepare = nb::cast<bool>(given["prepare"]) ? PrepareMode::automatic : PrepareMode::off;
  const auto notifier = std::make_shared<Notifier>(weak_pool);
  if (nb::cast<bool>(given["tell_reconnect_failed"])) {
    options.reconnect_failed = [notifier] { notifier->reconnect_failed(); };
  }
  if (!given["leak_after"].is_none()) {
    options.leak_after = seconds("leak_after");
    options.observer = std::make_shared<LeakObserver>(notifier);
  }
  return options;
}

void init(Pool* self, const Config& config, nb::handle weak_self, const nb::dict& options, bool dict_rows,
          bool checked) {
  new (self)
      Pool(config, options_of(options, weak_self), dict_rows ? RowKind::dict : RowKind::tuple, checked);
}

}  // namespace

void bind_pool(nb::module_& module) {
  nb::class_<Pool>(module, "Pool", nb::is_weak_referenceable())
      .def("__init__", init)
      .def("open", &Pool::open, nb::lock_self())
      .def("execute", &Pool::execute, nb::call_guard<Inside>(), nb::arg("sql"),
           nb::arg("params") = nb::none())
      .def("fetch_one", &Pool::fetch_one, nb::call_guard<Inside>(), nb::arg("sql"),
           nb::arg("params") = nb::none())
      .def("fetch_val", &Pool::fetch_val, nb::call_guard<Inside>(), nb::arg("sql"),
           nb::arg("params") = nb::none())
      .def("execute_many", &Pool::execute_many, nb::call_guard<Inside>(), nb::arg("sql"),
           nb::arg("params_seq"))
      .def_prop_ro("stats", &Pool::stats, nb::call_guard<Inside>())
      .def(
          "resize",
          [](Pool& self, int min_size, std::optional<int> max_size) {
            try {
              self.database().resize(min_size, max_size.value_or(min_size));
            } catch (const ConfigurationError& error) {
              throw nb::value_error(error.what());
            }
          },
          nb::arg("min_size"), nb::arg("max_size") = nb::none())
      .def("check", &Pool::check, nb::call_guard<Inside>())
      .def("wait", &Pool::wait, nb::call_guard<Inside>(), nb::arg("timeout") = 30.0)
      .def("drain", [](Pool& self) { self.database().drain(); })
      .def("suspend", [](Pool& self) { self.database().suspend(); })
      .def("resume", [](Pool& self) { self.database().resume(); })
      .def("close", &Pool::close, nb::arg("timeout") = 5.0)
      .def("_repr", &Pool::repr);
}

}  // namespace copg::python
