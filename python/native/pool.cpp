// The hot path: the statement is read and the rows are made with the GIL, everything in between without it.
#include "python/native/pool.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <utility>

#include "python/native/binding.hpp"
#include "python/native/cursor.hpp"
#include "python/native/deadline.hpp"
#include "python/native/explain.hpp"
#include "python/native/gil.hpp"
#include "python/native/location.hpp"
#include "python/native/notify.hpp"
#include "python/native/options.hpp"
#include "python/native/parameter_rows.hpp"
#include "python/native/pipeline.hpp"
#include "python/native/role.hpp"
#include "python/native/statement.hpp"
#include "python/native/with_types.hpp"
#include "sync/call.hpp"

namespace copg::python {

Pool::Pool(const Config& config, nb::handle weak_self, const nb::dict& options)
    : AnyPool(config, weak_self, options), checked_(!nb::object(options["check"]).is_none()) {}

Pool::Pool(nb::handle other) : AnyPool(other), checked_(false) {}

Pool::Pool(nb::handle other, nb::handle role, nb::handle max_lag, nb::handle if_unfit, nb::handle patience)
    : AnyPool(other), checked_(nb::cast<Pool&>(other).checked_) {
  const Role wanted = role_of(role);
  const RoleOptions options = role_options_of(max_lag, if_unfit, patience);
  auto& shared = nb::cast<Pool&>(other);
  shared.require_open();
  database_ = shared.database_;
  routed_ = shared.routed_;
  engine_ = shared.engine_;
  DatabaseOn on = database_->on(wanted, options);
  if (routed_) on_.emplace(std::move(on));
}

Pool::~Pool() {
  if (!database_) return;
  without_gil([this] {
    on_.reset();
    routed_.reset();
    if (!shares()) database_->close(Seconds(0));
    database_.reset();
  });
}

void Pool::open() {
  require_openable();
  if (database_) return;
  if (shares()) {
    open_with_other();
    database_ = routed_ ? routed_ : std::make_shared<PooledDatabase>(sync::EngineAccess::pool_on(engine_));
    return;
  }
  database_ = std::make_shared<PooledDatabase>(config_, options_);
  if (sync::EngineAccess::router_of(*database_)) {
    routed_ = database_;
  } else {
    engine_ = sync::EngineAccess::engine_of(*database_).shared_from_this();
  }
}

PooledDatabase& Pool::database() {
  if (closed_ || !database_) [[unlikely]]
    require_open();
  return *database_;
}

copg::Connection Pool::connection(const std::optional<Deadline>& deadline, bool calls_end,
                                  const SourceLocation& where) {
  PooledDatabase& db = database();
  if (deadline && calls_end)
    return on_ ? on_->within(*deadline).connection(where) : db.within(*deadline).connection(where);
  return on_ ? sync::EngineAccess::connection(*on_, deadline, where) : db.connection(deadline, where);
}

std::optional<copg::Connection> Pool::try_connection(const SourceLocation& where) {
  PooledDatabase& db = database();
  return on_ ? sync::EngineAccess::try_connection(*on_, where) : db.try_connection(where);
}

ResultRows Pool::run_with(const TypesNow& types, nb::handle sql, nb::handle params,
                          const std::optional<Deadline>& deadline) {
  PooledDatabase& db = database();
  const Statement statement(sql.ptr(), params.ptr(), types.get());
  const SourceLocation where = caller();
  return answered_rows(in_words_of(sql.ptr(), params.ptr(),
                                   [&] {
                                     return without_gil([&] {
                                       const Sql text(statement.text(), where);
                                       return call(db, deadline, [&](auto& to) {
                                         return to.execute(text, statement.params());
                                       });
                                     });
                                   }),
                       types, options_);
}

ResultRows Pool::run(nb::handle sql, nb::handle params, nb::handle timeout) {
  if (checked_) [[unlikely]]
    return nb::cast<Cursor&>(nb::find(*this).attr("_checked_execute")(sql, params, timeout)).rows();
  const std::optional<Deadline> deadline = deadline_of(timeout);
  if (types().stale()) [[unlikely]]
    look_up({}, timeout);
  const TypesNow now = types().now();
  if (!now) [[likely]]
    return run_with(now, sql, params, deadline);
  return with_types(
      now, [&](const TypesNow& known) { return run_with(known, sql, params, deadline); },
      [&](const std::vector<Oid>& unknown) {
        look_up(unknown, timeout);
        return types().now();
      });
}

void Pool::look_up(const std::vector<Oid>& unknown, nb::handle timeout) {
  nb::find(*this).attr("_look_up_types")(list_of_types(unknown), timeout);
}

nb::object Pool::execute_plain(nb::handle sql, nb::handle params, nb::handle timeout) {
  const ResultRows rows = run_with({}, sql, params, deadline_of(timeout));
  return rows.fetch(0, rows.size(), RowKind(reinterpret_cast<PyObject*>(&PyTuple_Type), "row"));
}

nb::object Pool::execute(nb::handle sql, nb::handle params, nb::handle row, nb::handle timeout) {
  std::optional<RowKind> own;
  const RowKind& kind = rows_for(row, own);
  const ResultRows rows = run(sql, params, timeout);
  return rows.fetch(0, rows.size(), kind);
}

nb::object Pool::fetch_one(nb::handle sql, nb::handle params, nb::handle row, nb::handle timeout) {
  std::optional<RowKind> own;
  const RowKind& kind = rows_for(row, own);
  return run(sql, params, timeout).first(kind);
}

nb::object Pool::fetch_val(nb::handle sql, nb::handle params, nb::handle timeout) {
  return run(sql, params, timeout).value();
}

nb::object Pool::execute_many(nb::handle sql, nb::handle rows, nb::handle returning, nb::handle timeout) {
  if (checked_) [[unlikely]]
    return nb::find(*this).attr("_checked_execute_many")(sql, rows, returning, timeout);
  PooledDatabase& db = database();
  const std::optional<RowKind> kind = returned_as(returning, rows_);
  auto text = known_text(sql.ptr());
  const SourceLocation where = caller();
  const std::optional<Deadline> deadline = deadline_of(timeout);
  const auto known_after = [&](const std::vector<Oid>& unknown) {
    look_up(unknown, timeout);
    return types().now();
  };
  if (types().stale()) [[unlikely]]
    static_cast<void>(known_after({}));
  ParameterRows source(text, rows, types().now());
  if (source.empty()) return kind ? nb::object(nb::list()) : nb::object(nb::int_(0));
  const Sql query(text->text.sql, where);
  return in_words_of(sql.ptr(), nullptr, [&]() -> nb::object {
    if (kind)
      return read_rows(without_gil([&] {
                         return call(db, deadline,
                                     [&](auto& to) { return to.execute_many_returning(query, source); });
                       }),
                       types().now(), *kind, known_after);
    return nb::int_(without_gil(
        [&] { return call(db, deadline, [&](auto& to) { return to.execute_many(query, source); }); }));
  });
}

nb::object Pool::execute_all(nb::handle statements, nb::handle transaction, nb::handle row,
                             nb::handle timeout) {
  if (checked_) [[unlikely]]
    return nb::find(*this).attr("_checked_execute_all")(statements, transaction, row, timeout);
  PooledDatabase& db = database();
  const bool all = switch_of(transaction, "transaction");
  std::optional<RowKind> own;
  const RowKind& kind = rows_for(row, own);
  const std::optional<Deadline> deadline = deadline_of(timeout);
  const auto known_after = [&](const std::vector<Oid>& unknown) {
    look_up(unknown, timeout);
    return types().now();
  };
  const GivenPipeline made = pipeline_of(statements, types(), caller(), known_after);
  const Pipeline& pipeline = made.pipeline;
  const nb::list answers = in_words_of(*made.given, [&] {
    if (all)
      return answers_of(
          without_gil([&] { return call(db, deadline, [&](auto& to) { return to.execute_all(pipeline); }); }),
          *made.given, kind, options_);
    return answers_of(
        without_gil([&] { return call(db, deadline, [&](auto& to) { return to.execute(pipeline); }); }),
        *made.given, kind, options_);
  });
  if (const auto unknown = unknown_types_in(answers); !unknown.empty()) [[unlikely]]
    set_types_in(answers, known_after(unknown));
  return answers;
}

void Pool::check() {
  without_gil([&db = database()] { db.check(); });
}

void Pool::wait(double timeout_s) {
  without_gil([&db = database(), timeout_s] { db.wait(Seconds(timeout_s)); });
}

void Pool::close(double timeout_s) {
  start_close(timeout_s);
  finish_close(timeout_s + std::chrono::duration<double>(engine::close_grace).count());
}

void bind_pool(nb::module_& module) {
  nb::class_<Pool, AnyPool>(module, "Pool", nb::type_slots(pool_slots))
      .def(nb::init<const Config&, nb::handle, const nb::dict&>())
      .def(nb::init<nb::handle>())
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle, nb::handle>(), bind::any, bind::any,
           bind::any, bind::any, bind::any)
      .def("_open", &Pool::open, nb::lock_self())
      .def("_execute", &Pool::execute, bind::inside, bind::any, bind::any, bind::any, bind::any)
      .def("_fetch_one", &Pool::fetch_one, bind::inside, bind::any, bind::any, bind::any, bind::any)
      .def("_fetch_val", &Pool::fetch_val, bind::inside, bind::any, bind::any, bind::any)
      .def("_execute_plain", &Pool::execute_plain, bind::inside, bind::any, bind::any, bind::any)
      .def("_execute_many", &Pool::execute_many, bind::inside, bind::any, bind::any, bind::any, bind::any)
      .def("_execute_all", &Pool::execute_all, bind::inside, bind::any, bind::any, bind::any, bind::any)
      .def("_check_idle", &Pool::check, bind::inside)
      .def(
          "_wait", [](Pool& self, nb::handle timeout) { self.wait(timeout_of(timeout)); }, bind::inside,
          bind::any)
      .def(
          "_close", [](Pool& self, nb::handle timeout) { self.close(timeout_of(timeout)); }, bind::any);
}

}  // namespace copg::python
