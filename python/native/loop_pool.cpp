// pycopg._native.LoopPool and LoopConnection: the pool and its leases for asyncio. Every member that would
// wait gives a LoopCall instead.
#include "python/native/loop_pool.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <copg/config.hpp>

#include <algorithm>
#include <cmath>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "engine/calls/inspect.hpp"
#include "engine/calls/jobs.hpp"
#include "python/native/any_connection.hpp"
#include "python/native/any_pool.hpp"
#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/cursor.hpp"
#include "python/native/deadline.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/explain.hpp"
#include "python/native/gil.hpp"
#include "python/native/imported.hpp"
#include "python/native/location.hpp"
#include "python/native/loop_call.hpp"
#include "python/native/loop_reader.hpp"
#include "python/native/notify.hpp"
#include "python/native/options.hpp"
#include "python/native/parameter_rows.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/statement.hpp"
#include "python/native/transaction_options.hpp"
#include "sync/call.hpp"

namespace copg::python {
namespace {

/// What a call of a pool gives of its rows.
enum class Wanted : std::uint8_t { rows, row, value };

[[noreturn]] void rethrow_in_words_of(nb::handle sql, PyObject* params, std::exception_ptr failure) {
  in_words_of(sql.ptr(), params, [&] { std::rethrow_exception(std::move(failure)); });
  std::terminate();  // it has thrown
}

struct KeptStatement {
  nb::object sql;  // keeps the text
  nb::object params;
  std::unique_ptr<const Statement> statement;

  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rethrow_in_words_of(sql, params.ptr(), std::move(failure));
  }
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(params.ptr());
    return 0;
  }

  [[nodiscard]] engine::ExecuteJob job() const { return {statement->text(), statement->params()}; }
};

/// A statement of a cursor, which gets the rows.
struct KeptCursor : KeptStatement {
  mutable nb::object cursor;
  const PoolOptions& options;

  /// An event loop may know the call for longer than its task does, and a cursor keeps its connection.
  void let_go() const noexcept { cursor.reset(); }

  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(cursor.ptr());
    return KeptStatement::traverse(visit, arg);
  }
  nb::object give(Result result) const {
    nb::inst_ptr<Cursor>(cursor)->keep(warned_of_listen(ResultRows(std::move(result)), options));
    return cursor;
  }
};

/// A statement on a lease of its own, which may travel with those of other callers.
class ExecuteWait final : public engine::StatementKind<LoopCall> {
 public:
  ExecuteWait(std::shared_ptr<engine::PoolEngine> engine, const engine::TimeLimit& limit,
              const SourceLocation& where, KeptStatement kept, Wanted wanted, RowKind kind)
      : StatementKind(std::move(engine), limit),
        where_(where),
        kept_(std::move(kept)),
        wanted_(wanted),
        kind_(kind) {}
  ~ExecuteWait() override { end(); }
  nb::object result() override {
    const ResultRows rows =
        warned_of_listen(ResultRows(std::get<0>(std::move(results()))), engine().options());
    switch (wanted_) {
      case Wanted::rows: return rows.fetch(0, rows.size(), kind_);
      case Wanted::row: return rows.first(kind_);
      case Wanted::value: return rows.value();
    }
    return nb::none();
  }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const override {
    kept_.throw_failure(std::move(failure));
  }
  [[nodiscard]] int traverse(visitproc visit, void* arg) const override { return kept_.traverse(visit, arg); }

 private:
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
};

struct KeptRows {
  nb::object sql;
  std::shared_ptr<const KnownText> text;
  std::shared_ptr<ParameterRows> rows;
  pq::JoinableTexts* joinable = nullptr;  // of the pool
  std::int64_t rows_before = 0;           // of the same call, sent by others

  [[nodiscard]] engine::ExecuteManyJob job() const { return {text->text.sql, *rows, joinable, rows_before}; }
  static nb::object give(std::int64_t affected_rows) { return nb::int_(affected_rows); }
  [[noreturn]] void throw_failure(std::exception_ptr failure) const {
    rethrow_in_words_of(sql, nullptr, std::move(failure));
  }
  int traverse(visitproc visit, void* arg) const { return rows->traverse(visit, arg); }
};

/// pycopg._native.RowBatch: rows of an asynchronous source, gathered until there are enough to be sent.
class RowBatch {
 public:
  explicit RowBatch(nb::handle sql)
      : sql_(nb::borrow(sql)), text_(known_text(sql.ptr())), rows_(std::make_shared<ParameterRows>(text_)) {}
  /// True: there are enough.
  bool add(nb::handle params) { return rows_->add(params.ptr()); }
  [[nodiscard]] std::size_t size() const noexcept { return rows_->left(); }
  [[nodiscard]] KeptRows kept(pq::JoinableTexts* joinable) const {
    return {sql_, text_, rows_, joinable, static_cast<std::int64_t>(rows_->taken() - rows_->left())};
  }

 private:
  const nb::object sql_;
  const std::shared_ptr<const KnownText> text_;
  const std::shared_ptr<ParameterRows> rows_;
};

/// A savepoint, or its end.
struct KeptSavepoint {
  std::string sql;
  Params params{};

  [[nodiscard]] engine::ExecuteJob job() const { return {sql, params}; }
  static nb::object give(const Result& /*result*/) { return nb::none(); }
};

/// A savepoint with options, or its end: several statements in one flush.
class KeptPipeline {
 public:
  /// `begun`: whose savepoint begins; null: it ends.
  KeptPipeline(Pipeline pipeline, std::shared_ptr<engine::SavepointOptions> begun)
      : parts_(std::make_unique<Parts>(std::move(pipeline))), begun_(std::move(begun)) {}

  [[nodiscard]] engine::PipelineJob job() const { return {parts_->answers}; }
  [[nodiscard]] nb::object give(const std::vector<PipelineAnswer>& answers) const {
    if (begun_) {
      begun_->begun(answers);
    } else {
      engine::require_success(answers);
    }
    return nb::none();
  }

 private:
  struct Parts {  // on the heap, because the operation points to them
    explicit Parts(Pipeline given) : pipeline(std::move(given)), answers(pipeline) {}
    const Pipeline pipeline;
    engine::PipelineAnswers answers;
  };
  std::unique_ptr<Parts> parts_;
  std::shared_ptr<engine::SavepointOptions> begun_;
};

KeptStatement statement_of(nb::handle sql, nb::handle params) {
  return {nb::borrow(sql), nb::borrow(params), std::make_unique<const Statement>(sql.ptr(), params.ptr())};
}

/// Nothing: there are no rows.
std::optional<KeptRows> rows_of(nb::handle sql, nb::handle rows, pq::JoinableTexts* joinable) {
  auto text = known_text(sql.ptr());
  auto source = std::make_shared<ParameterRows>(text, rows);
  if (source->empty()) return std::nullopt;
  return KeptRows{nb::borrow(sql), std::move(text), std::move(source), joinable};
}

/// pycopg._native.LoopConnection.
class LoopConnection final : public AnyConnection {
  template <class Ask>
  auto ask(Ask question) {
    require_leased();
    return engine::inspect(*lease_->engine, lease_->lease, [&](const pq::Connection& connection) {
      return std::invoke(question, connection);
    });
  }

 public:
  LoopConnection(nb::handle pool, nb::handle timeout, nb::handle autocommit, nb::handle row_factory)
      : AnyConnection(pool, timeout, row_factory),
        lease_(std::make_shared<LoopLease>(this->pool().engine(), this->pool().options().timeout,
                                           switch_of(autocommit, "autocommit"))) {}
  ~LoopConnection() {
    warn_unless_given_back();
    give_back();
  }

  LoopCall* lease() {
    if (leased_) throw UsageError("this connection was leased already: take another from the pool");
    leased_ = true;
    return lease_until(timeout_.from_now());
  }
  /// Closes the connection and leases another.
  LoopCall* lease_another(double timeout_s) {
    discard();
    lease_ = std::make_shared<LoopLease>(lease_->engine, lease_->timeout, lease_->autocommit);
    return lease_until(Deadline(Seconds(timeout_s)));
  }
  [[nodiscard]] bool closed() const noexcept override { return lease_->closed(); }
  [[nodiscard]] bool given_back() const noexcept override { return lease_->given_back(); }
  void give_back() noexcept { lease_->end(true); }
  void discard() noexcept { lease_->end(false); }

  [[nodiscard]] int backend_pid() override { return ask(&pq::Connection::backend_pid); }
  [[nodiscard]] int server_version() override { return ask(&pq::Connection::server_version); }
  [[nodiscard]] TransactionStatus status() override { return ask(engine::status_of); }
  [[nodiscard]] std::string parameter_status(const std::string& name) override {
    return ask([&](const pq::Connection& connection) {
      return std::string(connection.parameter_status(name.c_str()));
    });
  }

  [[nodiscard]] Seconds call_timeout() override { return lease_->timeout; }
  void set_call_timeout(Seconds limit) override { lease_->timeout = limit; }
  /// When a call ends that begins now.
  [[nodiscard]] Deadline deadline(nb::handle timeout) const {
    return lease_->limit(deadline_of(timeout)).deadline(engine::now());
  }

  // `timeout`: of this call, in place of the lease's.

  /// Its result is the cursor, an object of Python's that is a Cursor.
  LoopCall* execute(nb::object cursor, nb::handle sql, nb::handle params, nb::handle timeout) {
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    return call(deadline,
                KeptCursor{statement_of(sql, params), std::move(cursor), lease_->engine->options()});
  }
  LoopCall* execute_many(nb::handle sql, nb::handle rows, nb::handle timeout) {
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    auto kept = rows_of(sql, rows, lease_->engine->joinable_texts());
    return kept ? call(deadline, std::move(*kept)) : nullptr;
  }

  /// Its rows; then it is empty.
  LoopCall* execute_batch(const RowBatch& batch, nb::handle timeout) {
    require_leased();
    return call(deadline_of(timeout), batch.kept(lease_->engine->joinable_texts()));
  }

  /// nullptr: there is nothing to end.
  LoopCall* end_transaction(bool commit, nb::handle timeout) {
    if (!lease_->blocks.empty())
      throw ProgrammingMistake(std::string(commit ? "commit" : "rollback") +
                               "() inside a transaction() block: leave the block instead");
    return end_outermost(commit, lease_->limit(deadline_of(timeout)));
  }
  /// `given`: TransactionOptions, or None. nullptr: nothing is to be sent. `began` follows, with the same
  /// timeout.
  LoopCall* begin(nb::handle given, nb::handle timeout) {
    const TransactionOptions* const options = transaction_options_in(given);
    const std::optional<Deadline> deadline = deadline_of(timeout);
    beginning_ = {};
    const int savepoint = lease_->transactions().next_savepoint([this] { return status(); });
    auto inside =
        savepoint > 0 && options != nullptr ? std::make_shared<engine::SavepointOptions>(*options) : nullptr;
    if (lease_->blocks.empty()) lease_->begin_with(savepoint == 0 ? options : nullptr);
    beginning_ = {{0, place_of_caller(), savepoint, inside}, lease_->timeout, lease_->deadline};
    if (savepoint == 0) return nullptr;
    if (!inside) return call(deadline, KeptSavepoint{engine::begin_savepoint(savepoint)});
    return call(deadline, KeptPipeline(inside->begin(savepoint), inside));
  }
  /// A savepoint with options could not begin: rolls back to it, so that the transaction around it can go on.
  /// nullptr: there is nothing to be sent.
  LoopCall* undo_beginning(nb::handle timeout) {
    if (!beginning_.options || given_back() || engine::can_only_be_given_back(status())) return nullptr;
    return call(deadline_of(timeout), KeptSavepoint{engine::end_savepoint(beginning_.savepoint, false)});
  }
  /// The number of the block. `timeout`: of all calls in it, and of its end.
  std::uint64_t began(nb::handle timeout) {
    if (const std::optional<Deadline> deadline = deadline_of(timeout)) {
      lease_->timeout = Seconds(HUGE_VAL);
      lease_->deadline = std::min(lease_->deadline.at(), deadline->at());
    }
    beginning_.number = ++last_number_;
    lease_->blocks.push_back(std::move(beginning_));
    return last_number_;
  }
  /// None if there are none.
  [[nodiscard]] nb::object left_open() const { return for_python(lease_->blocks); }
  /// What the block of that number is told, if others inside it were never left; else None.
  [[nodiscard]] nb::object left_open_inside(std::uint64_t number) const {
    const auto& open = lease_->blocks;
    const auto found = std::ranges::find(open, number, &OpenBlock::number);
    if (found == open.end() || found + 1 == open.end()) return nb::none();
    return nb::cast(left_open_text(std::vector<LoopLease::Block>(found + 1, open.end())));
  }
  /// Ends the block of that number and those inside it. nullptr: there is nothing to end.
  LoopCall* end(std::uint64_t number, bool commit, nb::handle timeout) {
    require_leased();
    auto& open = lease_->blocks;
    const auto found = std::ranges::find(open, number, &OpenBlock::number);
    if (found == open.end()) {
      if (commit) throw ProgrammingMistake(ended_already);
      return nullptr;
    }
    const int savepoint = found->savepoint;
    const engine::TimeLimit limit = lease_->limit(deadline_of(timeout));
    lease_->timeout = found->timeout_before;
    lease_->deadline = found->deadline_before;
    const auto options = found->options;
    open.erase(found, open.end());
    // Nothing can be sent any more, and giving the connection back rolls back.
    if (!commit && engine::can_only_be_given_back(status())) return nullptr;
    if (savepoint == 0) return end_outermost(commit, limit);
    if (commit && options) return call_within(limit, KeptPipeline(options->release(savepoint), nullptr));
    return call_within(limit, KeptSavepoint{engine::end_savepoint(savepoint, commit)});
  }
  /// After an `end` that failed: if no time was left to send it, gives the connection back, which rolls back,
  /// so that nothing of the block is committed later.
  void give_back_unended() {
    if (given_back()) return;
    if (const TransactionStatus now = status();
        now == TransactionStatus::in_transaction || now == TransactionStatus::failed)
      give_back();
  }

  /// What the end of the block has to do: False if nothing was leased, or, in autocommit mode, if a statement
  /// was given up half-way, or the connection lost. Then there is nothing to commit.
  [[nodiscard]] bool to_be_committed() {
    if (given_back()) return false;
    if (!lease_->autocommit) return true;
    try {
      return !engine::can_only_be_given_back(status());
    } catch (const Error&) {  // another task is in a call on the connection
      return true;
    }
  }

  [[nodiscard]] bool autocommit() const noexcept { return lease_->autocommit; }
  void set_autocommit(nb::handle given) {
    const bool on = switch_of(given, "autocommit");
    if (leased_)
      lease_->transactions().require_autocommit_change<ProgrammingMistake>([this] { return status(); });
    lease_->autocommit = on;
  }

 private:
  LoopCall* lease_until(const std::optional<Deadline>& deadline) {
    leased_at_ = caller();
    if (!deadline) return new LeaseWait(lease_, lease_->engine->timeout(), leased_at_);
    if (ends_by_timeout) {
      lease_->timeout = Seconds(HUGE_VAL);
      lease_->deadline = *deadline;
    }
    return new LeaseWait(lease_, engine::TimeLimit::until(deadline->at()), leased_at_);
  }
  void require_leased() const {
    if (!leased_) throw UsageError("this connection is not leased yet: use it in an async with statement");
    lease_->require_usable();
  }
  template <class Kept>
  LoopCall* call(const std::optional<Deadline>& deadline, Kept kept) {
    return call_within(lease_->limit(deadline), std::move(kept));
  }
  template <class Kept>
  LoopCall* call_within(const engine::TimeLimit& limit, Kept kept) {
    return new JobWait<Kept>(lease_->engine, limit, lease_, std::move(kept));
  }
  LoopCall* end_outermost(bool commit, const engine::TimeLimit& limit) {
    if (ask(engine::nothing_to_end)) return nullptr;
    return call_within(
        limit, engine::EndJob{commit ? pq::TransactionCommand::commit : pq::TransactionCommand::rollback});
  }

  std::shared_ptr<LoopLease> lease_;
  bool leased_ = false;
  LoopLease::Block beginning_;
  std::uint64_t last_number_ = 0;
};

/// pycopg._native.LoopPool.
class LoopPool : public AnyPool {
 public:
  using AnyPool::AnyPool;

  void open() override {
    require_openable();
    if (shares()) engine_ = opened_with_other();
    if (!engine_) engine_ = engine::PoolEngine::create(config_, options_, copg::detail::call_configure);
    engine_->open();
  }
  template <Wanted wanted>
  LoopCall* execute(nb::handle sql, nb::handle params, nb::handle timeout) {
    const SourceLocation where = caller();
    const auto& engine = this->engine();
    const engine::TimeLimit limit = limit_of(timeout);
    return new ExecuteWait(engine, limit, where, statement_of(sql, params), wanted, rows_);
  }
  LoopCall* execute_many(nb::handle sql, nb::handle rows, nb::handle timeout) {
    const SourceLocation where = caller();
    const auto& engine = this->engine();
    const engine::TimeLimit limit = limit_of(timeout);
    auto kept = rows_of(sql, rows, engine->joinable_texts());
    if (!kept) return nullptr;
    return new JobWait<KeptRows>(engine, limit, where, std::move(*kept));
  }
  LoopCall* wait(nb::handle timeout) {
    return new PoolWait(engine(), engine::duration_of(Seconds(timeout_of(timeout))), engine::Milestone::full);
  }
  LoopCall* check() {
    engine()->start_check();
    return new PoolWait(engine_, engine_->timeout(), engine::Milestone::checked);
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

LoopCall* call_on_new_cursor(nb::handle object, nb::handle sql, nb::handle params, nb::handle timeout) {
  auto& self = nb::cast<LoopConnection&>(object);
  return self.execute(make_cursor(CursorClass::asyncio, object, self.row_kind), sql, params, timeout);
}

}  // namespace

void bind_loop_pool(nb::module_& module) {
  bind_loop_reader(module);
  nb::class_<RowBatch>(module, "RowBatch")
      .def(nb::init<nb::handle>(), bind::any)
      .def("add", &RowBatch::add, bind::inside, bind::any)
      .def("__len__", &RowBatch::size);
  nb::class_<LoopConnection, AnyConnection>(module, "LoopConnection", nb::type_slots(connection_slots))
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle>(), nb::arg(), bind::any, bind::any,
           bind::any)
      .def("_lease", &LoopConnection::lease, bind::owned)
      .def("_lease_another", &LoopConnection::lease_another, bind::owned)
      .def("_give_back", &LoopConnection::give_back)
      .def("_discard", &LoopConnection::discard)
      .def("_execute", call_on_new_cursor, bind::owned, bind::inside, bind::any, bind::any, bind::any)
      .def("_deadline", &LoopConnection::deadline, bind::any)
      .def("_execute_on", &LoopConnection::execute, bind::owned, bind::inside, nb::arg(), bind::any,
           bind::any, bind::any)
      .def("_execute_many", &LoopConnection::execute_many, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_execute_batch", &LoopConnection::execute_batch, bind::owned, nb::arg(), bind::any)
      .def("_to_be_committed", &LoopConnection::to_be_committed)
      .def("_end_transaction", &LoopConnection::end_transaction, bind::owned, nb::arg(), bind::any)
      .def("_begin", &LoopConnection::begin, bind::owned, bind::any, bind::any)
      .def("_undo_beginning", &LoopConnection::undo_beginning, bind::owned, bind::any)
      .def("_began", &LoopConnection::began, bind::any)
      .def("_left_open", &LoopConnection::left_open)
      .def("_left_open_inside", &LoopConnection::left_open_inside)
      .def("_end", &LoopConnection::end, bind::owned, nb::arg(), nb::arg(), bind::any)
      .def("_give_back_unended", &LoopConnection::give_back_unended)
      .def_prop_ro("autocommit", &LoopConnection::autocommit, doc::LoopConnection_autocommit)
      .def("_set_autocommit", &LoopConnection::set_autocommit, bind::any);
  nb::class_<LoopPool, AnyPool>(module, "LoopPool", nb::type_slots(pool_slots))
      .def(nb::init<const Config&, nb::handle, const nb::dict&>())
      .def(nb::init<nb::handle>())
      .def("_open", &LoopPool::open)
      .def("_execute", &LoopPool::execute<Wanted::rows>, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_fetch_one", &LoopPool::execute<Wanted::row>, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_fetch_val", &LoopPool::execute<Wanted::value>, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_execute_many", &LoopPool::execute_many, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_wait", &LoopPool::wait, bind::owned, bind::any)
      .def("_check_idle", &LoopPool::check, bind::owned)
      .def("_close", &LoopPool::close, bind::owned, bind::any);
}

}  // namespace copg::python
