// pycopg._native.LoopConnection: a lease for asyncio. Every member that would wait gives a LoopCall instead.
#include "python/native/loop_connection.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/calls/inspect.hpp"
#include "engine/calls/jobs.hpp"
#include "python/native/any_connection.hpp"
#include "python/native/any_pool.hpp"
#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/cursor.hpp"
#include "python/native/deadline.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/location.hpp"
#include "python/native/loop_call.hpp"
#include "python/native/loop_copy.hpp"
#include "python/native/loop_jobs.hpp"
#include "python/native/loop_lease_jobs.hpp"
#include "python/native/notify.hpp"
#include "python/native/options.hpp"
#include "python/native/pipeline.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/row_stream.hpp"
#include "python/native/transaction_options.hpp"
#include "routing/held_host.hpp"
#include "routing/request_for.hpp"

namespace copg::python {
namespace {

/// pycopg._native.RowBatch: rows of an asynchronous source, gathered until there are enough to be sent.
class RowBatch {
 public:
  RowBatch(nb::handle sql, nb::handle types)
      : sql_(nb::borrow(sql)),
        text_(known_text(sql.ptr())),
        rows_(std::make_shared<ParameterRows>(text_, nb::cast<Types&>(types).now())) {}
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
        lease_(std::make_shared<LoopLease>(this->pool().engine_if_one(), this->pool().options().timeout,
                                           switch_of(autocommit, "autocommit"))) {}
  ~LoopConnection() {
    warn_unless_given_back();
    give_back();
  }

  LoopCall* lease() {
    if (leased_) throw UsageError("this connection was leased already: take another from the pool");
    static_cast<void>(pool().engine());  // several hosts: see below
    leased_ = true;
    return lease_until(timeout_.from_now());
  }
  /// Leases a connection if one is free at once. False: none is.
  bool try_lease() {
    if (leased_) throw UsageError("this connection was leased already: take another from the pool");
    leased_at_ = caller();
    leased_ = LeaseWait::attempt(*lease_, leased_at_);
    return leased_;
  }
  /// Closes the connection, and leases another if one is free at once.
  bool try_lease_another() {
    discard_for_another();
    return LeaseWait::attempt(*lease_, leased_at_);
  }
  /// Closes the connection and leases another.
  LoopCall* lease_another(double timeout_s) {
    discard_for_another();
    return lease_until(Deadline(Seconds(timeout_s)));
  }

  // Of several hosts a lease is taken in two steps, and both again if the host's pool turns it away.

  /// The deadline for both. Once.
  Deadline begin_leasing() {
    if (leased_) throw UsageError("this connection was leased already: take another from the pool");
    leased_at_ = caller();
    const Deadline deadline = timeout_.from_now().value_or(Deadline(pool().options().timeout));
    if (ends_by_timeout) {
      lease_->timeout = Seconds(HUGE_VAL);
      lease_->deadline = deadline;
    }
    return deadline;
  }
  LoopCall* wait_for_host(const Deadline& deadline) {
    return new HostWait(pool().router(), lease_, engine::TimeLimit::until(deadline.at()), request());
  }
  /// Takes a host if one is fit at once. False: none is.
  bool try_host() {
    const auto router = pool().router();
    const auto host = std::make_shared<routing::HeldHost>(router, routing::HostLease());
    if (!router->try_acquire(**host, engine::now(), request())) return false;
    lease_->host = host;
    lease_->engine = (**host).host->pool;
    return true;
  }
  LoopCall* lease_on_host(const Deadline& deadline) {
    leased_ = true;
    return new LeaseWait(lease_, engine::TimeLimit::until(deadline.at()), leased_at_);
  }
  /// Waits until the host's pool has opened its connections.
  LoopCall* wait_for_pool(const Deadline& deadline) {
    return new PoolWait(lease_->engine, engine::duration_of(deadline.left()), engine::Milestone::full);
  }
  void doubt_host() {
    if (lease_->host && **lease_->host) pool().router()->doubt(**lease_->host);
  }
  void leave_host() noexcept {
    if (!lease_->lease) lease_->host.reset();
  }
  /// Closes the connection, so that another can be leased.
  void leave_for_another() {
    discard_for_another();
    leased_ = false;
  }

  /// Takes the connection out of the pool. `own`, which has no lease, has it afterwards.
  void detach_to(LoopConnection& own) {
    require_leased();
    if (!lease_->blocks.empty())
      throw ProgrammingMistake("detach() inside a transaction() block: leave the block instead");
    engine::Lease kept;
    auto engine = lease_->engine->detach(lease_->lease, kept);
    lease_->host.reset();
    auto detached = std::make_shared<LoopLease>(std::move(engine), lease_->timeout, lease_->autocommit);
    detached->lease = kept;
    own.lease_ = std::move(detached);
    own.leased_ = true;
    own.leased_at_ = leased_at_;
    own.lease_->name = own.lease_name_ = lease_name_;
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
  void set_lease_name(std::string name) override {
    lease_name_ = lease_->name = std::move(name);
    lease_->tell_name();
  }
  /// When a call ends that begins now.
  [[nodiscard]] Deadline deadline(nb::handle timeout) const {
    return lease_->limit(deadline_of(timeout)).deadline(engine::now());
  }

  // `timeout`: of this call, in place of the lease's.

  /// Its result is the cursor, an object of Python's that is a Cursor.
  LoopCall* execute(nb::object cursor, nb::handle sql, nb::handle params, nb::handle timeout) {
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    return call(deadline, KeptCursor{statement_of(sql, params, types()), std::move(cursor),
                                     lease_->engine->options(), types()});
  }
  /// Its result is the rows as tuples, read without the types of the program's own. A transaction of its own
  /// unless one is open.
  LoopCall* execute_plain(nb::handle sql, nb::handle params, nb::handle timeout) {
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    const bool apart = !lease_->autocommit && lease_->blocks.empty() && status() == TransactionStatus::idle;
    return call(deadline, KeptPlain{{nb::borrow(sql), nb::borrow(params),
                                     std::make_unique<const Statement>(sql.ptr(), params.ptr(), nullptr)},
                                    AutocommitMeanwhile(apart ? lease_ : nullptr)});
  }
  LoopCall* execute_many(nb::handle sql, nb::handle rows, nb::handle returning, nb::handle timeout) {
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    auto kept = rows_of(sql, rows, lease_->engine->joinable_texts(), types());
    return many(deadline, std::move(kept), returning);
  }
  /// nullptr: there are no statements.
  LoopCall* execute_all(nb::handle statements, nb::handle transaction, nb::handle row, nb::handle timeout) {
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    const bool all = switch_of(transaction, "transaction");
    const RowKind kind = rows_for(row);
    GivenPipeline given = pipeline_of_task(statements, types(), leased_at_);
    if (given.pipeline.empty()) return nullptr;
    const auto start = [&](auto kept) {
      return call(deadline,
                  PipelineOnItsWay<decltype(kept)>{std::move(kept), given.given, kind,
                                                   &lease_->engine->options(), pool().types_object()});
    };
    return all ? start(engine::KeptAll(std::move(given.pipeline)))
               : start(engine::KeptPipeline(std::move(given.pipeline)));
  }

  /// nullptr: the stream is over. It is an object of Python's that is a Stream.
  LoopCall* next_chunk(nb::object object, nb::handle timeout) {
    auto& stream = nb::cast<Stream&>(object);
    require_known(types());
    auto open = stream.to_be_read();
    if (!open) return nullptr;
    require_leased();
    const std::optional<Deadline> deadline = deadline_of(timeout);
    return call(deadline, KeptChunk{nb::borrow(stream.sql()), nb::borrow(stream.params()), std::move(object),
                                    std::move(open)});
  }
  /// Its rows; then it is empty.
  LoopCall* execute_batch(const RowBatch& batch, nb::handle returning, nb::handle timeout) {
    require_leased();
    return many(deadline_of(timeout), batch.kept(lease_->engine->joinable_texts()), returning);
  }

  template <pq::CopyWish wish>
  LoopCall* copy_step(LoopCopy& copy, nb::handle timeout) {
    require_leased();
    if constexpr (wish == pq::CopyWish::begin) {
      require_known(types());
      copy.buffer().set_own_types(types().now());
    }
    return call(deadline_of(timeout), copy.step<wish>());
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
    beginning_ = {{0, text_of_place(caller()), savepoint, inside}, lease_->timeout, lease_->deadline};
    if (savepoint == 0) return nullptr;
    if (!inside) return call(deadline, KeptSavepoint{engine::begin_savepoint(savepoint)});
    return call(deadline, KeptSavepointOptions(inside->begin(savepoint), inside));
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
    if (commit && options)
      return call_within(limit, KeptSavepointOptions(options->release(savepoint), nullptr));
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
  void discard_for_another() {
    discard();
    const Deadline deadline = lease_->deadline;
    lease_ = std::make_shared<LoopLease>(pool().engine_if_one(), lease_->timeout, lease_->autocommit);
    lease_->name = lease_name_;
    if (!lease_->engine) lease_->deadline = deadline;
  }
  [[nodiscard]] cluster::Request request() const {
    const Wish& wish = pool().wish();
    return routing::request_for(wish.role, wish.options, engine::now());
  }
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
  LoopCall* many(const std::optional<Deadline>& deadline, std::optional<KeptRows> kept,
                 nb::handle returning) {
    const std::optional<RowKind> kind = returned_as(returning, row_kind);
    if (!kept) return nullptr;
    if (kind) return call(deadline, KeptReturning{std::move(*kept), *kind, pool().types_object()});
    return call(deadline, std::move(*kept));
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

LoopCall* call_on_new_cursor(nb::handle object, nb::handle sql, nb::handle params, nb::handle row,
                             nb::handle timeout) {
  auto& self = nb::cast<LoopConnection&>(object);
  return self.execute(make_cursor(CursorClass::asyncio, object, self.rows_for(row)), sql, params, timeout);
}

}  // namespace

void bind_loop_connection(nb::module_& module) {
  nb::class_<RowBatch>(module, "RowBatch")
      .def(nb::init<nb::handle, nb::handle>(), bind::any, nb::arg())
      .def("add", &RowBatch::add, bind::inside, bind::any)
      .def("__len__", &RowBatch::size);
  nb::class_<LoopConnection, AnyConnection>(module, "LoopConnection", nb::type_slots(connection_slots))
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle>(), nb::arg(), bind::any, bind::any,
           bind::any)
      .def("_lease", &LoopConnection::lease, bind::owned)
      .def("_try_lease", &LoopConnection::try_lease)
      .def("_lease_another", &LoopConnection::lease_another, bind::owned)
      .def("_try_lease_another", &LoopConnection::try_lease_another)
      .def("_begin_leasing", &LoopConnection::begin_leasing)
      .def("_wait_for_host", &LoopConnection::wait_for_host, bind::owned, nb::arg())
      .def("_try_host", &LoopConnection::try_host)
      .def("_lease_on_host", &LoopConnection::lease_on_host, bind::owned, nb::arg())
      .def("_wait_for_pool", &LoopConnection::wait_for_pool, bind::owned, nb::arg())
      .def("_doubt_host", &LoopConnection::doubt_host)
      .def("_leave_host", &LoopConnection::leave_host)
      .def("_leave_for_another", &LoopConnection::leave_for_another)
      .def("_give_back", &LoopConnection::give_back)
      .def("_discard", &LoopConnection::discard)
      .def("_detach_to", &LoopConnection::detach_to)
      .def("_execute", call_on_new_cursor, bind::owned, bind::inside, bind::any, bind::any, bind::any,
           bind::any)
      .def("_execute_plain", &LoopConnection::execute_plain, bind::owned, bind::inside, bind::any, bind::any,
           bind::any)
      .def("_deadline", &LoopConnection::deadline, bind::any)
      .def("_execute_on", &LoopConnection::execute, bind::owned, bind::inside, nb::arg(), bind::any,
           bind::any, bind::any)
      .def("_next_chunk", &LoopConnection::next_chunk, bind::owned, nb::arg(), bind::any)
      .def("_execute_many", &LoopConnection::execute_many, bind::owned, bind::inside, bind::any, bind::any,
           bind::any, bind::any)
      .def("_execute_all", &LoopConnection::execute_all, bind::owned, bind::inside, bind::any, bind::any,
           bind::any, bind::any)
      .def("_execute_batch", &LoopConnection::execute_batch, bind::owned, nb::arg(), bind::any, bind::any)
      .def("_copy_begin", &LoopConnection::copy_step<pq::CopyWish::begin>, bind::owned, bind::inside,
           nb::arg(), bind::any)
      .def("_copy_write", &LoopConnection::copy_step<pq::CopyWish::write>, bind::owned, nb::arg(), bind::any)
      .def("_copy_read", &LoopConnection::copy_step<pq::CopyWish::read>, bind::owned, nb::arg(), bind::any)
      .def("_copy_finish", &LoopConnection::copy_step<pq::CopyWish::finish>, bind::owned, nb::arg(),
           bind::any)
      .def("_copy_cancel", &LoopConnection::copy_step<pq::CopyWish::give_up>, bind::owned, nb::arg(),
           bind::any)
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
}

}  // namespace copg::python
