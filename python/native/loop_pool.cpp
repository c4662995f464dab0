// pycopg._native.LoopPool: the pool for asyncio. Every member that would wait gives a LoopCall instead.
#include "python/native/loop_pool.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <copg/config.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "engine/calls/jobs.hpp"
#include "python/native/any_pool.hpp"
#include "python/native/binding.hpp"
#include "python/native/deadline.hpp"
#include "python/native/location.hpp"
#include "python/native/loop_call.hpp"
#include "python/native/loop_jobs.hpp"
#include "python/native/loop_reader.hpp"
#include "python/native/notify.hpp"
#include "python/native/options.hpp"
#include "python/native/pipeline.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/role.hpp"
#include "routing/router.hpp"
#include "sync/call.hpp"

namespace copg::python {
namespace {

/// What a call of a pool gives of its rows.
enum class Wanted : std::uint8_t { rows, row, value };

/// A statement on a lease of its own, which may travel with those of other callers.
class ExecuteWait final : public engine::StatementKind<LoopCall> {
 public:
  ExecuteWait(std::shared_ptr<engine::PoolEngine> engine, const engine::TimeLimit& limit,
              const SourceLocation& where, KeptStatement kept, Wanted wanted, RowKind kind,
              const Types* types, nb::object types_object)
      : StatementKind(std::move(engine), limit),
        where_(where),
        kept_(std::move(kept)),
        wanted_(wanted),
        kind_(std::move(kind)),
        types_(types),
        types_object_(std::move(types_object)) {}
  ~ExecuteWait() override { end(); }
  nb::object result() override {
    const TypesNow types = types_ != nullptr ? types_->now() : nullptr;
    ResultRows rows = answered_rows(std::get<0>(std::move(results())), types, engine().options());
    if (const auto unknown = rows.unknown_types(); !unknown.empty()) [[unlikely]]
      throw_unread(unknown, [kept = std::make_shared<ResultRows>(std::move(rows)), wanted = wanted_,
                             kind = kind_, types = types_, alive = types_object_] {
        kept->set_types(types->now());
        return given(*kept, wanted, kind);
      });
    return given(rows, wanted_, kind_);
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const override {
    kept_.throw_failure(std::move(failure));
  }
  [[nodiscard]] int traverse(visitproc visit, void* arg) const override {
    if (const int stop = kind_.traverse(visit, arg)) return stop;
    return kept_.traverse(visit, arg);
  }

 private:
  static nb::object given(const ResultRows& rows, Wanted wanted, const RowKind& kind) {
    switch (wanted) {
      case Wanted::rows: return rows.fetch(0, rows.size(), kind);
      case Wanted::row: return rows.first(kind);
      case Wanted::value: return rows.value();
    }
    return nb::none();
  }
  Progress begin(engine::TimePoint time, engine::TimePoint deadline) override {
    const std::string_view sql = kept_.statement->text();
    return begin_with(sql, engine::known_text(sql), kept_.statement->params(), time, deadline, where_);
  }
  /// A copy: what Python has may go with the task. Touches nothing of Python's.
  std::unique_ptr<copg::detail::Request> lend() override {
    return copg::detail::Request::make(Sql(kept_.statement->text(), where_), kept_.statement->params());
  }
  void take_back(std::unique_ptr<copg::detail::Request> /*copy*/) noexcept override {}

  const SourceLocation where_;
  const KeptStatement kept_;
  const Wanted wanted_;
  const RowKind kind_;
  const Types* const types_;  // nullptr: rows are read without
  const nb::object types_object_;
};

/// pycopg._native.LoopPool.
class LoopPool : public AnyPool {
 public:
  using AnyPool::AnyPool;
  /// As that of Pool.
  LoopPool(nb::handle other, nb::handle role, nb::handle max_lag, nb::handle if_unfit, nb::handle patience)
      : AnyPool(other) {
    wish_ = {role_of(role), role_options_of(max_lag, if_unfit, patience)};
    const auto& shared = nb::cast<LoopPool&>(other);
    engine_ = shared.engine_if_one();  // requires that it is open
    routed_ = shared.routed();
    if (engine_ && wish_.role == Role::replica)
      throw UsageError("a pool of one host knows no replica: name all hosts in the configuration");
  }

  void open() override {
    require_openable();
    if (routed_) return;
    if (shares()) return open_with_other();
    if (sync::EngineAccess::chooses_host(config_)) {
      routed_ = std::make_shared<PooledDatabase>(config_, options_);
      return;
    }
    if (!engine_) engine_ = engine::PoolEngine::create(config_, options_, copg::detail::call_configure);
    engine_->open();
  }
  template <Wanted wanted>
  LoopCall* execute(nb::handle sql, nb::handle params, nb::handle row, nb::handle timeout) {
    const SourceLocation where = caller();
    const auto& engine = this->engine();
    const engine::TimeLimit limit = limit_of(timeout);
    std::optional<RowKind> own;
    const RowKind& kind = rows_for(row, own);
    return new ExecuteWait(engine, limit, where, statement_of(sql, params, types()), wanted, kind, &types(),
                           types_object());
  }
  /// The rows as tuples, read without the types of the program's own.
  LoopCall* execute_plain(nb::handle sql, nb::handle params, nb::handle timeout) {
    return new ExecuteWait(engine(), limit_of(timeout), caller(),
                           {nb::borrow(sql), nb::borrow(params),
                            std::make_unique<const Statement>(sql.ptr(), params.ptr(), nullptr)},
                           Wanted::rows, RowKind(reinterpret_cast<PyObject*>(&PyTuple_Type), "row"), nullptr,
                           {});
  }
  LoopCall* fetch_val(nb::handle sql, nb::handle params, nb::handle timeout) {
    return execute<Wanted::value>(sql, params, nb::none(), timeout);
  }
  LoopCall* execute_many(nb::handle sql, nb::handle rows, nb::handle returning, nb::handle timeout) {
    const SourceLocation where = caller();
    const auto& engine = this->engine();
    const engine::TimeLimit limit = limit_of(timeout);
    auto kept = rows_of(sql, rows, engine->joinable_texts(), types());
    const std::optional<RowKind> kind = returned_as(returning, rows_);
    if (!kept) return nullptr;
    if (kind)
      return new JobWait<KeptReturning>(engine, limit, where,
                                        KeptReturning{std::move(*kept), *kind, types_object()});
    return new JobWait<KeptRows>(engine, limit, where, std::move(*kept));
  }
  /// nullptr: there are no statements.
  LoopCall* execute_all(nb::handle statements, nb::handle transaction, nb::handle row, nb::handle timeout) {
    const SourceLocation where = caller();
    const auto& engine = this->engine();
    const engine::TimeLimit limit = limit_of(timeout);
    const bool all = switch_of(transaction, "transaction");
    std::optional<RowKind> own;
    const RowKind& kind = rows_for(row, own);
    GivenPipeline given = pipeline_of_task(statements, types(), where);
    if (given.pipeline.empty()) return nullptr;
    const auto start = [&](auto kept) -> LoopCall* {
      using Kept = PipelineOnItsWay<decltype(kept)>;
      return new JobWait<Kept>(engine, limit, where,
                               Kept{std::move(kept), given.given, kind, &engine->options(), types_object()});
    };
    return all ? start(engine::KeptAll(std::move(given.pipeline)))
               : start(engine::KeptPipeline(std::move(given.pipeline)));
  }
  LoopCall* wait(nb::handle timeout) {
    return new PoolWait(engine(), engine::duration_of(Seconds(timeout_of(timeout))), engine::Milestone::full);
  }
  LoopCall* check() {
    engine()->start_check();
    return new PoolWait(engine_, engine_->timeout(), engine::Milestone::checked);
  }
  /// Of several hosts: a call for each that answers.
  nb::list check_hosts() {
    nb::list waits;
    for (const routing::HostView& host : router()->hosts()) {
      if (!host.up) continue;
      host.pool->start_check();
      waits.append(nb::cast(
          static_cast<LoopCall*>(new PoolWait(host.pool, host.pool->timeout(), engine::Milestone::checked)),
          nb::rv_policy::take_ownership));
    }
    return waits;
  }
  /// Of several hosts: a call for each.
  nb::list close_hosts(nb::handle timeout) {
    const double timeout_s = timeout_of(timeout);
    closed_ = true;
    nb::list waits;
    if (!routed_) return waits;
    const engine::Duration limit = engine::duration_of(Seconds(timeout_s) + engine::close_grace);
    const auto router = sync::EngineAccess::router_of(*routed_);
    for (const auto& pool : router->start_close(engine::duration_of(Seconds(timeout_s))))
      waits.append(nb::cast(static_cast<LoopCall*>(new PoolWait(pool, limit, engine::Milestone::finished)),
                            nb::rv_policy::take_ownership));
    return waits;
  }
  /// nullptr: it was never open.
  LoopCall* close(nb::handle timeout) {
    const double timeout_s = timeout_of(timeout);
    closed_ = true;
    if (!engine_) return nullptr;
    engine_->start_close(engine::duration_of(Seconds(timeout_s)));
    return new PoolWait(engine_, engine::duration_of(Seconds(timeout_s) + engine::close_grace),
                        engine::Milestone::finished);
  }

 private:
  [[nodiscard]] engine::TimeLimit limit_of(nb::handle timeout) const {
    const std::optional<Deadline> deadline = deadline_of(timeout);
    return deadline ? engine::TimeLimit::until(deadline->at()) : engine_->timeout();
  }
};

}  // namespace

void bind_loop_pool(nb::module_& module) {
  bind_loop_reader(module);
  nb::class_<LoopPool, AnyPool>(module, "LoopPool", nb::type_slots(pool_slots))
      .def(nb::init<const Config&, nb::handle, const nb::dict&>())
      .def(nb::init<nb::handle>())
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle, nb::handle>(), bind::any, bind::any,
           bind::any, bind::any, bind::any)
      .def("_open", &LoopPool::open)
      .def("_execute", &LoopPool::execute<Wanted::rows>, bind::owned, bind::inside, bind::any, bind::any,
           bind::any, bind::any)
      .def("_fetch_one", &LoopPool::execute<Wanted::row>, bind::owned, bind::inside, bind::any, bind::any,
           bind::any, bind::any)
      .def("_fetch_val", &LoopPool::fetch_val, bind::owned, bind::inside, bind::any, bind::any, bind::any)
      .def("_execute_many", &LoopPool::execute_many, bind::owned, bind::inside, bind::any, bind::any,
           bind::any, bind::any)
      .def("_execute_plain", &LoopPool::execute_plain, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_execute_all", &LoopPool::execute_all, bind::owned, bind::inside, bind::any, bind::any, bind::any,
           bind::any)
      .def("_wait", &LoopPool::wait, bind::owned, bind::any)
      .def("_check_idle", &LoopPool::check, bind::owned)
      .def("_check_hosts", &LoopPool::check_hosts)
      .def("_close_hosts", &LoopPool::close_hosts, bind::any)
      .def("_close", &LoopPool::close, bind::owned, bind::any);
}

}  // namespace copg::python
