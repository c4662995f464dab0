// pycopg._native.Connection: a lease, from entering the context to leaving it. pycopg.Connection derives from
// it.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/connection.hpp>
#include <copg/transaction.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/calls/inspect.hpp"
#include "python/native/any_connection.hpp"
#include "python/native/cursor.hpp"
#include "python/native/gil.hpp"
#include "python/native/open_block.hpp"
#include "python/native/pool.hpp"
#include "python/native/waiting.hpp"

namespace copg::python {

/// Threads that share one take turns.
class Connection final : public AnyConnection {
 public:
  /// Leases nothing yet. `timeout`: for getting the connection; None: the pool's. A pool for asyncio is good
  /// only for one that borrows.
  Connection(nb::handle pool, nb::handle timeout, nb::handle autocommit, nb::handle row_factory);
  /// Gives back what was not given back, with a ResourceWarning.
  ~Connection();

  /// Leases a connection, once.
  void lease();
  /// Leases a connection if one is free at once. False: none is.
  [[nodiscard]] bool try_lease();
  /// Closes the connection, and leases another if one is free at once.
  [[nodiscard]] bool try_lease_another();
  /// Closes the connection and leases another within `timeout_s`.
  void lease_another(double timeout_s);
  /// Has what belongs to a pool's `configure`, instead of a lease.
  void borrow(copg::Connection&& connection);
  /// Gives that back: nothing, if it was closed. A transaction() block that is open closes it.
  [[nodiscard]] std::optional<copg::Connection> return_borrowed();
  /// Gives it back; what was not committed is rolled back, in the background. Nothing, if it is gone already.
  void give_back();
  /// Commits and gives back, also when the commit fails. With transaction() blocks that were never left
  /// nothing is committed; they are returned.
  std::vector<OpenBlock> commit_and_give_back();
  /// Closes the connection instead of giving it back. Nothing, if it is gone already.
  void discard();
  /// Takes the connection out of the pool. `own`, which has no lease, has it afterwards.
  void detach_to(Connection& own);
  [[nodiscard]] bool closed() const noexcept override { return !lease_ || lease_->closed(); }
  [[nodiscard]] bool given_back() const noexcept override;
  [[nodiscard]] int backend_pid() override;
  [[nodiscard]] int server_version() override;
  [[nodiscard]] TransactionStatus status() override;
  [[nodiscard]] std::string parameter_status(const std::string& name) override;
  [[nodiscard]] Seconds call_timeout() override;
  void set_call_timeout(Seconds limit) override;
  void set_lease_name(std::string name) override;

  /// Executes a statement on a cursor of this connection. `timeout`: of this call, in place of call_timeout.
  void execute(Cursor& cursor, nb::handle sql, nb::handle params, nb::handle timeout);
  /// The rows as tuples, read without the types of the program's own; a transaction of its own unless one is
  /// open.
  [[nodiscard]] nb::object execute_plain(nb::handle sql, nb::handle params, nb::handle timeout);
  /// The number of affected rows, or a list of those that are returned.
  [[nodiscard]] nb::object execute_many(nb::handle sql, nb::handle rows, nb::handle returning,
                                        nb::handle timeout);
  /// Answers to several statements. `transaction`: all or none; else each is its own, or that of the lease.
  [[nodiscard]] nb::object execute_all(nb::handle statements, nb::handle transaction, nb::handle row,
                                       nb::handle timeout);

  [[nodiscard]] copg::Copy copy(std::string_view sql, const std::optional<Deadline>& deadline);
  /// One call on a COPY of this connection.
  template <class Call>
  auto in_copy(const std::optional<Deadline>& deadline, Call call) {
    return ask([&](copg::Connection& /*connection*/) { return call(); }, deadline);
  }
  /// Of a stream on this connection. `timeout`: of this call.
  [[nodiscard]] Result next_chunk(const std::shared_ptr<engine::OpenStream>& stream, nb::handle timeout);

  void commit();
  void rollback();
  /// Begins a transaction, or a savepoint inside one. Returns its number. `options`: TransactionOptions, or
  /// None. `timeout`: of the whole block.
  std::uint64_t begin(nb::handle options, nb::handle timeout);
  /// Ends it. Blocks inside it that were never left are rolled back, and it with them: ProgrammingMistake if
  /// it was to be committed. One that has ended with a block around it has nothing to roll back.
  void end(std::uint64_t number, bool commit);
  [[nodiscard]] bool autocommit() const noexcept { return autocommit_; }
  void set_autocommit(bool on);

 private:
  /// Asks the lease something. InterfaceError unless there is one.
  template <class Ask>
  auto ask(Ask question, const std::optional<Deadline>& deadline = {}) {
    return in_turn([&] { return std::invoke(question, leased()); }, deadline);
  }
  /// Without the GIL, and without another thread inside. PoolTimeout if the deadline passes before that.
  template <class Work>
  auto in_turn(Work work, const std::optional<Deadline>& deadline = {}) {
    return without_gil([&] {
      const ConnectionGuard guard(lock_, deadline);
      return work();
    });
  }
  /// `held_by_thread`: this thread gives it back, and nobody else.
  void lease(std::optional<Deadline> deadline, bool held_by_thread);
  [[nodiscard]] bool try_lease(bool again);
  void leased_now(copg::Connection&& connection, bool held_by_thread);
  [[nodiscard]] Pool& pool_of_threads() const;
  [[nodiscard]] copg::Connection& leased();
  /// What is known afterwards of the program's own types.
  TypesNow look_up(const std::vector<Oid>& unknown, nb::handle timeout);
  void require_no_transaction_block(const char* what) const;
  void drop(void (copg::Connection::*how)() noexcept) noexcept;

  Pool* const pool_of_threads_;  // null: for asyncio
  bool autocommit_;
  ConnectionLock lock_;  // never waited for with the GIL
  std::optional<copg::Connection> lease_;
  std::optional<Seconds> call_timeout_;  // as set before the lease
  struct Block {
    OpenBlock block;
    std::unique_ptr<Transaction> transaction;
    copg::detail::LeaseAccess::Limits limits_before;
  };
  std::vector<Block> transactions_;  // innermost last
  std::uint64_t last_number_ = 0;
};

void bind_connection(nb::module_& module);

}  // namespace copg::python
