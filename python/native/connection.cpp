// Everything that may talk to the server runs without the GIL.
#include "python/native/connection.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/calls/inspect.hpp"
#include "python/native/binding.hpp"
#include "python/native/call_errors.hpp"
#include "python/native/docstrings.hpp"
#include "python/native/explain.hpp"
#include "python/native/gil.hpp"
#include "python/native/location.hpp"
#include "python/native/notify.hpp"
#include "python/native/options.hpp"
#include "python/native/parameter_rows.hpp"
#include "python/native/pipeline.hpp"
#include "python/native/statement.hpp"
#include "python/native/transaction_options.hpp"
#include "python/native/with_types.hpp"

namespace copg::python {

using copg::detail::LeaseAccess;

Connection::Connection(nb::handle pool, nb::handle timeout, nb::handle autocommit, nb::handle row_factory)
    : AnyConnection(pool, timeout, row_factory),
      pool_of_threads_(nb::isinstance<Pool>(pool) ? &nb::cast<Pool&>(pool) : nullptr),
      autocommit_(switch_of(autocommit, "autocommit")) {}

bool Connection::given_back() const noexcept { return !lease_ || !LeaseAccess::is_there(*lease_); }

Connection::~Connection() {
  if (given_back()) return;
  warn_unless_given_back();
  without_gil([this] { drop(&copg::Connection::release); });
}

void Connection::lease() {
  const Caller by = caller_in_block();
  leased_at_ = by.where;
  in_turn([&] {
    if (lease_) throw UsageError("this connection was leased already: take another from the pool");
    lease(timeout_.from_now(), by.enters_block);
  });
}

void Connection::lease_another(double timeout_s) {
  const Caller by = caller_in_block();
  leased_at_ = by.where;
  in_turn([&] {
    drop(&copg::Connection::close);
    lease(Deadline(Seconds(timeout_s)), by.enters_block);
  });
}

bool Connection::try_lease() { return try_lease(false); }

bool Connection::try_lease_another() { return try_lease(true); }

bool Connection::try_lease(bool again) {
  const Caller by = caller_in_block();
  leased_at_ = by.where;
  return in_turn([&] {
    if (again) drop(&copg::Connection::close);
    if (lease_ && !again) throw UsageError("this connection was leased already: take another from the pool");
    std::optional<copg::Connection> leased = pool_of_threads().try_connection(leased_at_);
    if (leased) leased_now(std::move(*leased), by.enters_block);
    return leased.has_value();
  });
}

Pool& Connection::pool_of_threads() const {
  if (pool_of_threads_ == nullptr)
    throw UsageError("a pool for asyncio leases its connections in a coroutine");
  return *pool_of_threads_;
}

void Connection::lease(std::optional<Deadline> deadline, bool held_by_thread) {
  leased_now(pool_of_threads().connection(deadline, ends_by_timeout, leased_at_), held_by_thread);
}

void Connection::leased_now(copg::Connection&& connection, bool held_by_thread) {
  lease_.emplace(std::move(connection));
  if (held_by_thread) copg::detail::LeaseAccess::hold(*lease_);
  if (call_timeout_) lease_->timeout(*call_timeout_);
  if (autocommit_) lease_->autocommit(true);
  if (!lease_name_.empty()) lease_->name(lease_name_);
}

void Connection::borrow(copg::Connection&& connection) {
  in_turn([&] { lease_.emplace(std::move(connection)); });
}

std::optional<copg::Connection> Connection::return_borrowed() {
  return in_turn([this]() -> std::optional<copg::Connection> {
    if (!transactions_.empty()) drop(&copg::Connection::close);
    if (given_back()) return std::nullopt;
    return std::optional<copg::Connection>(std::move(*lease_));
  });
}

/// Transactions that are still open find nothing left to roll back.
void Connection::drop(void (copg::Connection::*how)() noexcept) noexcept {
  if (given_back()) return;
  ((*lease_).*how)();
  transactions_.clear();
}

void Connection::give_back() {
  in_turn([this] { drop(&copg::Connection::release); });
}

std::vector<OpenBlock> Connection::commit_and_give_back() {
  return in_turn([this]() -> std::vector<OpenBlock> {
    if (given_back()) return {};
    struct GiveBack {
      Connection& self;
      ~GiveBack() { self.drop(&copg::Connection::release); }
    } const at_the_end{*this};
    std::vector<OpenBlock> left_open;
    for (Block& open : transactions_) left_open.push_back(std::move(open.block));
    // In autocommit mode a statement that was given up half-way, or lost, leaves nothing to commit.
    const bool nothing_to_commit =
        autocommit_ && engine::can_only_be_given_back(lease_->transaction_status());
    if (left_open.empty() && !nothing_to_commit) lease_->commit();
    return left_open;
  });
}

void Connection::discard() {
  in_turn([this] { drop(&copg::Connection::close); });
}

void Connection::detach_to(Connection& own) {
  in_turn([&] {
    require_no_transaction_block("detach");
    own.lease_.emplace(leased().detach());
    own.leased_at_ = leased_at_;
  });
}

copg::Connection& Connection::leased() {
  if (!lease_) throw UsageError("this connection is not leased yet: use it in a with statement");
  if (given_back()) throw UsageError("this connection was given back already: take another from the pool");
  return *lease_;
}

int Connection::backend_pid() { return ask(&copg::Connection::backend_pid); }

int Connection::server_version() { return ask(&copg::Connection::server_version); }

TransactionStatus Connection::status() { return ask(&copg::Connection::transaction_status); }

std::string Connection::parameter_status(const std::string& name) {
  return ask([&](copg::Connection& connection) { return connection.parameter_status(name); });
}

Seconds Connection::call_timeout() {
  return in_turn(
      [&] { return given_back() ? call_timeout_.value_or(pool().options().timeout) : lease_->timeout(); });
}

void Connection::set_lease_name(std::string name) {
  in_turn([&] {
    lease_name_ = std::move(name);
    if (!given_back()) lease_->name(lease_name_);
  });
}

void Connection::set_call_timeout(Seconds limit) {
  in_turn([&] {
    call_timeout_ = limit;
    if (lease_) lease_->timeout(limit);
  });
}

void Connection::execute(Cursor& cursor, nb::handle sql, nb::handle params, nb::handle timeout) {
  const std::optional<Deadline> deadline = deadline_of(timeout);
  cursor.forget();
  const auto run = [&](const TypesNow& known) {
    const Statement statement(sql.ptr(), params.ptr(), known.get());
    return answered_rows(in_words_of(sql.ptr(), params.ptr(),
                                     [&] {
                                       return ask(
                                           [&](copg::Connection& connection) {
                                             return deadline ? connection.within(*deadline).execute(
                                                                   Sql(statement.text()), statement.params())
                                                             : connection.execute(Sql(statement.text()),
                                                                                  statement.params());
                                           },
                                           deadline);
                                     }),
                         known, pool().options());
  };
  if (types().stale()) [[unlikely]]
    static_cast<void>(look_up({}, timeout));
  const TypesNow now = types().now();
  if (!now) [[likely]]
    return static_cast<void>(cursor.keep(run(now)));
  static_cast<void>(cursor.keep(with_types(
      now, run, [&](const std::vector<Oid>& unknown) { return look_up(unknown, timeout); },
      [&] { return !given_back() && status() == TransactionStatus::idle; })));
}

TypesNow Connection::look_up(const std::vector<Oid>& unknown, nb::handle timeout) {
  nb::find(*this).attr("_look_up_types")(list_of_types(unknown), timeout);
  return types().now();
}

nb::object Connection::execute_plain(nb::handle sql, nb::handle params, nb::handle timeout) {
  const std::optional<Deadline> deadline = deadline_of(timeout);
  const Statement statement(sql.ptr(), params.ptr(), nullptr);
  const ResultRows rows(ask(
                            [&](copg::Connection& connection) {
                              const bool apart = !autocommit_ && transactions_.empty() &&
                                                 connection.transaction_status() == TransactionStatus::idle;
                              struct Restore {
                                copg::Connection* connection;
                                ~Restore() {
                                  try {
                                    if (connection != nullptr) connection->autocommit(false);
                                  } catch (const Error&) {  // given back, or lost
                                  }
                                }
                              } const restore{apart ? &connection : nullptr};
                              if (apart) connection.autocommit(true);
                              return deadline ? connection.within(*deadline).execute(Sql(statement.text()),
                                                                                     statement.params())
                                              : connection.execute(Sql(statement.text()), statement.params());
                            },
                            deadline),
                        {});
  return rows.fetch(0, rows.size(), RowKind(reinterpret_cast<PyObject*>(&PyTuple_Type), "row"));
}

nb::object Connection::execute_many(nb::handle sql, nb::handle rows, nb::handle returning,
                                    nb::handle timeout) {
  const std::optional<Deadline> deadline = deadline_of(timeout);
  const std::optional<RowKind> kind = returned_as(returning, row_kind);
  auto text = known_text(sql.ptr());
  const auto known_after = [&](const std::vector<Oid>& unknown) { return look_up(unknown, timeout); };
  if (types().stale()) [[unlikely]]
    static_cast<void>(known_after({}));
  ParameterRows source(text, rows, types().now());
  if (source.empty()) return kind ? nb::object(nb::list()) : nb::object(nb::int_(0));
  return in_words_of(sql.ptr(), nullptr, [&]() -> nb::object {
    if (kind)
      return read_rows(ask(
                           [&](copg::Connection& connection) {
                             return deadline ? connection.within(*deadline).execute_many_returning(
                                                   Sql(text->text.sql), source)
                                             : connection.execute_many_returning(Sql(text->text.sql), source);
                           },
                           deadline),
                       types().now(), *kind, known_after);
    return nb::int_(ask(
        [&](copg::Connection& connection) {
          return deadline ? connection.within(*deadline).execute_many(Sql(text->text.sql), source)
                          : connection.execute_many(Sql(text->text.sql), source);
        },
        deadline));
  });
}

nb::object Connection::execute_all(nb::handle statements, nb::handle transaction, nb::handle row,
                                   nb::handle timeout) {
  const bool all = switch_of(transaction, "transaction");
  const RowKind kind = rows_for(row);
  const std::optional<Deadline> deadline = deadline_of(timeout);
  const auto known_after = [&](const std::vector<Oid>& unknown) { return look_up(unknown, timeout); };
  const GivenPipeline made = pipeline_of(statements, types(), leased_at_, known_after);
  const Pipeline& pipeline = made.pipeline;
  const nb::list answers = in_words_of(*made.given, [&] {
    if (all)
      return answers_of(ask(
                            [&](copg::Connection& connection) {
                              return deadline ? connection.within(*deadline).execute_all(pipeline)
                                              : connection.execute_all(pipeline);
                            },
                            deadline),
                        *made.given, kind, pool().options());
    return answers_of(ask(
                          [&](copg::Connection& connection) {
                            return deadline ? connection.within(*deadline).execute(pipeline)
                                            : connection.execute(pipeline);
                          },
                          deadline),
                      *made.given, kind, pool().options());
  });
  if (const auto unknown = unknown_types_in(answers); !unknown.empty()) [[unlikely]]
    set_types_in(answers, known_after(unknown));
  return answers;
}

copg::Copy Connection::copy(std::string_view sql, const std::optional<Deadline>& deadline) {
  return ask(
      [&](copg::Connection& connection) {
        return deadline ? connection.within(*deadline).copy(sql) : connection.copy(sql);
      },
      deadline);
}

Result Connection::next_chunk(const std::shared_ptr<engine::OpenStream>& stream, nb::handle timeout) {
  const std::optional<Deadline> deadline = deadline_of(timeout);
  return ask(
      [&](copg::Connection& connection) { return LeaseAccess::next_chunk(connection, stream, deadline); },
      deadline);
}

void Connection::require_no_transaction_block(const char* what) const {
  if (!transactions_.empty())
    throw ProgrammingMistake(fmt::format("{}() inside a transaction() block: leave the block instead", what));
}

void Connection::commit() {
  ask([&](copg::Connection& connection) {
    require_no_transaction_block("commit");
    connection.commit();
  });
}

void Connection::rollback() {
  ask([&](copg::Connection& connection) {
    require_no_transaction_block("rollback");
    connection.rollback();
  });
}

namespace {

/// Sets the limits of a connection back at the end of a scope, unless that is left to others.
class LimitsBack {
 public:
  LimitsBack(copg::Connection& connection, const LeaseAccess::Limits& before)
      : connection_(&connection), before_(before) {}
  LimitsBack(const LimitsBack&) = delete;
  LimitsBack& operator=(const LimitsBack&) = delete;
  ~LimitsBack() {
    if (connection_ != nullptr) LeaseAccess::limit(*connection_, before_);
  }
  void leave_to_others() noexcept { connection_ = nullptr; }

 private:
  copg::Connection* connection_;
  const LeaseAccess::Limits before_;
};

}  // namespace

std::uint64_t Connection::begin(nb::handle given, nb::handle timeout) {
  const TransactionOptions* const options = transaction_options_in(given);
  std::string place = text_of_place(caller());
  const std::optional<Deadline> deadline = deadline_of(timeout);
  return ask(
      [&](copg::Connection& connection) {
        const LeaseAccess::Limits before = LeaseAccess::limits(connection);
        LimitsBack back(connection, before);
        if (deadline) LeaseAccess::limit(connection, before.until(*deadline));
        const int savepoint = LeaseAccess::transactions(connection).next_savepoint([&] {
          return connection.transaction_status();
        });
        auto transaction = options == nullptr ? std::make_unique<Transaction>(connection)
                                              : std::make_unique<Transaction>(connection, *options);
        transactions_.push_back(
            {{++last_number_, std::move(place), savepoint}, std::move(transaction), before});
        back.leave_to_others();
        return last_number_;
      },
      deadline);
}

void Connection::end(std::uint64_t number, bool commit) {
  ask([&](copg::Connection& connection) {
    const auto found =
        std::ranges::find(transactions_, number, [](const Block& it) { return it.block.number; });
    if (found == transactions_.end()) {
      if (commit) throw ProgrammingMistake(ended_already);
      return;
    }
    const LimitsBack back(connection, found->limits_before);
    std::vector<OpenBlock> never_left;
    for (auto inner = found + 1; inner != transactions_.end(); ++inner)
      never_left.push_back(std::move(inner->block));
    while (transactions_.back().block.number != number) transactions_.pop_back();  // rolls back
    const std::unique_ptr<Transaction> transaction = std::move(transactions_.back().transaction);
    transactions_.pop_back();
    if (commit && never_left.empty()) {
      transaction->commit();
    } else if (!engine::can_only_be_given_back(connection.transaction_status())) {
      transaction->rollback();
    }  // else giving the connection back rolls back
    if (commit && !never_left.empty()) throw ProgrammingMistake(left_open_text(never_left));
  });
}

void Connection::set_autocommit(bool on) {
  in_turn([&] {
    if (lease_) {
      copg::Connection& connection = leased();
      LeaseAccess::transactions(connection).require_autocommit_change<ProgrammingMistake>([&] {
        return connection.transaction_status();
      });
      connection.autocommit(on);
    }
    autocommit_ = on;
  });
}

namespace {

/// What __exit__ does, and its three arguments.
void leave(nb::handle object, nb::handle type, nb::handle /*error*/, nb::handle /*traceback*/) {
  auto& self = nb::cast<Connection&>(object);
  if (!type.is_none()) return self.give_back();
  const std::vector<OpenBlock> left_open = self.commit_and_give_back();
  if (!left_open.empty()) [[unlikely]]
    object.attr("_tell_left_open")(for_python(left_open));
}

nb::object execute_on_new_cursor(nb::handle object, nb::handle sql, nb::handle params, nb::handle row,
                                 nb::handle timeout) {
  auto& self = nb::cast<Connection&>(object);
  nb::object cursor = make_cursor(CursorClass::threads, object, self.rows_for(row));
  self.execute(*nb::inst_ptr<Cursor>(cursor), sql, params, timeout);
  return cursor;
}

}  // namespace

void bind_connection(nb::module_& module) {
  nb::class_<Connection, AnyConnection>(module, "Connection", nb::type_slots(connection_slots))
      .def(nb::init<nb::handle, nb::handle, nb::handle, nb::handle>(), nb::arg(), bind::any, bind::any,
           bind::any)
      .def(
          "_lease", [](Connection& self) { self.lease(); }, bind::inside)
      .def(
          "_try_lease", [](Connection& self) { return self.try_lease(); }, bind::inside)
      .def("_lease_another", &Connection::lease_another)
      .def("_try_lease_another", &Connection::try_lease_another)
      .def("_give_back", &Connection::give_back)
      .def(
          "_enter",
          [](nb::handle self) {
            nb::cast<Connection&>(self).lease();
            return nb::borrow(self);
          },
          bind::inside)
      .def("_exit", leave, bind::inside, bind::any, bind::any, bind::any)
      .def("_execute", execute_on_new_cursor, bind::inside, bind::any, bind::any, bind::any, bind::any)
      .def("_execute_on", &Connection::execute, bind::inside, nb::arg(), bind::any, bind::any, bind::any)
      .def("_execute_plain", &Connection::execute_plain, bind::inside, bind::any, bind::any, bind::any)
      .def("_execute_many", &Connection::execute_many, bind::inside, bind::any, bind::any, bind::any,
           bind::any)
      .def("_execute_all", &Connection::execute_all, bind::inside, bind::any, bind::any, bind::any, bind::any)
      .def("_commit", &Connection::commit, bind::inside)
      .def("_rollback", &Connection::rollback, bind::inside)
      .def("_begin", &Connection::begin, bind::inside, bind::any, bind::any)
      .def("_end", &Connection::end, bind::inside)
      .def("_discard", &Connection::discard)
      .def("_detach_to", &Connection::detach_to)
      .def_prop_rw(
          "autocommit", &Connection::autocommit,
          [](Connection& self, nb::handle on) { self.set_autocommit(switch_of(on, "autocommit")); },
          nb::for_setter(bind::any), doc::Connection_autocommit);
}

}  // namespace copg::python
