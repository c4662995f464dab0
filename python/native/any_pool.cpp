#include "python/native/any_pool.hpp"

#include <nanobind/stl/string.h>

#include <copg/error.hpp>

#include <fmt/format.h>

#include <chrono>
#include <cstdint>
#include <utility>

#include "python/native/binding.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/gil.hpp"
#include "python/native/holdings.hpp"
#include "python/native/notify.hpp"
#include "python/native/options.hpp"
#include "routing/router.hpp"
#include "sync/call.hpp"

namespace copg::python {
namespace {

[[noreturn]] void reject(std::string message) {
  throw PoolClosed(ErrorInfo{.kind = ErrorKind::pool_closed, .message = std::move(message)});
}

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

nb::dict dict_of(const PoolStats& stats) {
  nb::dict result;
  result["pool_min"] = stats.pool_min;
  result["pool_max"] = stats.pool_max;
  result["pool_size"] = stats.pool_size;
  result["pool_available"] = stats.pool_available;
  result["leased"] = stats.leased;
  result["connecting"] = stats.connecting;
  result["resetting"] = stats.resetting;
  result["checking"] = stats.checking;
  result["closing"] = stats.closing;
  result["requests_waiting"] = stats.requests_waiting;
  result["listening"] = stats.listening;
  result["listeners"] = stats.listeners;
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
  result["connections_detached"] = stats.connections_detached;
  result["statements_shared"] = stats.statements_shared;
  result["statements_isolated"] = stats.statements_isolated;
  result["runs_num"] = stats.runs_num;
  result["runs_largest"] = stats.runs_largest;
  result["notifications_num"] = stats.notifications_num;
  result["notifications_dropped"] = stats.notifications_dropped;
  result["listening_lost"] = stats.listening_lost;
  result["retries_num"] = stats.retries_num;
  result["leases_held_idle"] = stats.leases_held_idle;
  return result;
}

AnyPool::AnyPool(const Config& config, nb::handle weak_self, const nb::dict& options)
    : config_(config),
      options_(options_of(options, weak_self)),
      rows_(nb::object(options["row_factory"]), "row_factory"),
      origin_skip_(nb::object(options["origin_skip"])),
      types_object_(options["types"]),
      types_(&nb::cast<Types&>(types_object_)) {
  validate(config_, options_);
}

AnyPool::AnyPool(nb::handle other)
    : config_(nb::cast<AnyPool&>(other).config_),
      options_(nb::cast<AnyPool&>(other).options_),
      rows_(nb::cast<AnyPool&>(other).rows_),
      engine_(nb::cast<AnyPool&>(other).engine_),
      origin_skip_(nb::cast<AnyPool&>(other).origin_skip_),
      types_object_(nb::cast<AnyPool&>(other).types_object_),
      types_(nb::cast<AnyPool&>(other).types_),
      other_(nb::borrow(other)) {}

void AnyPool::open_with_other() {
  auto& other = nb::cast<AnyPool&>(other_);
  other.open();
  other.require_open();
  engine_ = other.engine_;
  routed_ = other.routed_;
}

AnyPool::~AnyPool() {
  if (shares()) return;
  if (engine_) without_gil([this] { engine_->close(engine::Duration::zero()); });
  // What the last of them lets go of may wait for threads that wait for the GIL.
  if (routed_) without_gil([this] { std::exchange(routed_, {})->close(Seconds(0)); });
}

void AnyPool::require_openable() const {
  if (closed_) reject(fmt::format("pool '{}' was closed and can't be opened again: make another", name()));
  if (is_ending()) reject(fmt::format("the interpreter is ending: pool '{}' opens no more", name()));
}

void AnyPool::require_open() const {
  if (closed_) reject(fmt::format("pool '{}' is closed", name()));
  if (!engine_ && !routed_) reject(fmt::format("pool '{}' is not open yet: call open() first", name()));
}

const std::shared_ptr<engine::PoolEngine>& AnyPool::engine() const {
  if (closed_ || !engine_) [[unlikely]] {
    require_open();
    static_cast<void>(sync::EngineAccess::engine_of(*routed_));  // throws
  }
  return engine_;
}

const std::shared_ptr<engine::PoolEngine>& AnyPool::engine_if_one() const {
  if (closed_ || !engine_) [[unlikely]]
    require_open();
  return engine_;
}

std::shared_ptr<routing::Router> AnyPool::router() const {
  require_open();
  if (!routed_) throw UsageError("a pool of one host has no other hosts");
  return sync::EngineAccess::router_of(*routed_);
}

std::vector<std::shared_ptr<engine::PoolEngine>> AnyPool::engines() const {
  if (routed_) return sync::EngineAccess::engines_of(*routed_);
  if (engine_) return {engine_};
  return {};
}

void AnyPool::drain() {
  require_open();
  for (const auto& engine : engines()) engine->drain();
}

void AnyPool::suspend() {
  require_open();
  routed_ ? routed_->suspend() : engine_->suspend();
}

void AnyPool::resume() {
  require_open();
  routed_ ? routed_->resume() : engine_->resume();
}

void AnyPool::count_retry() const {
  require_open();
  const auto all = engines();
  if (!all.empty()) all.front()->count_retry();  // only the sum is seen
}

PoolStats AnyPool::stats() const {
  if (engine_) return engine_->stats();
  if (routed_) return routed_->stats();
  PoolStats before_opening;
  before_opening.pool_min = static_cast<std::uint32_t>(options_.min_size);
  before_opening.pool_max = static_cast<std::uint32_t>(options_.max_size);
  return before_opening;
}

void AnyPool::set_hooks(const nb::object& hooks) {
  observer_of(options_).want(hooks);
  const AnyPool& pool = shares() ? nb::cast<AnyPool&>(other_) : *this;
  for (const auto& engine : pool.engines()) engine->events().ask_again();
}

PoolMetrics AnyPool::metrics() const {
  if (engine_) return engine_->metrics();
  if (routed_) return routed_->metrics();  // throws
  PoolMetrics before_opening;
  before_opening.name = name();
  before_opening.stats = stats();
  return before_opening;
}

void AnyPool::start_close(double timeout_s) {
  closed_ = true;
  if (routed_) {
    without_gil([router = sync::EngineAccess::router_of(*routed_), timeout_s] {
      router->start_close(engine::duration_of(Seconds(timeout_s)));
    });
  }
  if (!engine_) return;
  without_gil(
      [engine = engine_, timeout_s] { engine->start_close(engine::duration_of(Seconds(timeout_s))); });
}

void AnyPool::finish_close(double timeout_s) {
  if (routed_) without_gil([pool = routed_, timeout_s] { pool->close(Seconds(timeout_s)); });
  if (!engine_) return;
  without_gil([engine = engine_, timeout_s] {
    sync::finish_close(*engine, engine::duration_of(Seconds(timeout_s)));
  });
}

namespace {

int traverse_pool(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  return nb::inst_ready(self) ? nb::inst_ptr<AnyPool>(self)->traverse(visit, arg) : 0;
}

}  // namespace

PyType_Slot pool_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(traverse_pool)}, {0, nullptr}};

void bind_any_pool(nb::module_& module) {
  nb::class_<AnyPool>(module, "AnyPool", nb::is_weak_referenceable(), nb::type_slots(pool_slots))
      .def_prop_ro(
          "stats", [](const AnyPool& self) { return dict_of(self.stats()); }, doc::AnyPool_stats)
      .def("_leases", [](const AnyPool& self) { return leases_of(self.engines()); })
      .def("_waiters", [](const AnyPool& self) { return waiters_of(self.engines()); })
      .def("_metrics", &AnyPool::metrics)
      .def_prop_ro("_types", &AnyPool::types_object)
      .def(
          "_resize",
          [](AnyPool& self, nb::handle min_size, nb::handle max_size) {
            const auto [least, most] = bounds_of(min_size, max_size);
            with_value_errors([&] { self.engine()->resize(least, most); });
          },
          bind::any, bind::any)
      .def("_drain", &AnyPool::drain)
      .def("_suspend", &AnyPool::suspend)
      .def("_resume", &AnyPool::resume)
      .def("_set_hooks", &AnyPool::set_hooks)
      .def("_start_close", &AnyPool::start_close)
      .def("_finish_close", &AnyPool::finish_close,
           nb::arg("timeout_s") = Seconds(engine::close_grace).count())
      .def_prop_ro("_name", &AnyPool::name)
      .def("__repr__", [](nb::handle self) {
        const auto& pool = nb::cast<const AnyPool&>(self);
        const char* const class_name = Py_TYPE(self.ptr())->tp_name;
        if (pool.routed())
          return fmt::format("{}('{}', hosts={})", class_name, pool.name(), pool.engines().size());
        const PoolStats stats = pool.stats();
        return fmt::format("{}('{}', size={}/{})", class_name, pool.name(), stats.pool_size, stats.pool_max);
      });
}

}  // namespace copg::python
