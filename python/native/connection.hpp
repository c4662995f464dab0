// pycopg._native.Connection: a lease, from entering the context to leaving it. pycopg.Connection derives from
// it.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/connection.hpp>
#include <copg/transaction.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "python/native/gil.hpp"
#include "python/native/open_block.hpp"
#include "python/native/pool.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/waiting.hpp"

namespace copg::python {

/// Threads that share one take turns.
class Connection {
 public:
  /// Leases nothing yet. `pool` is kept alive. `timeout`: for getting the connection; None: the pool's.
  /// A pool for asyncio is good only for one that borrows.
  Connection(nb::handle pool, nb::handle timeout, nb::handle autocommit);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Gives back what was not given back, with a ResourceWarning.
  ~Connection();

  /// Leases a connection, once.
  void lease();
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
  /// Given back, or lost.
  [[nodiscard]] bool closed() const noexcept { return !lease_ || lease_->closed(); }
  /// Not leased: not yet, or not any more.
  [[nodiscard]] bool given_back() const noexcept;

  [[nodiscard]] ResultRows execute(nb::handle sql, nb::handle params);
  [[nodiscard]] std::int64_t execute_many(nb::handle sql, nb::handle rows);

  void commit();
  void rollback();
  /// Begins a transaction, or a savepoint inside one. Returns its number.
  std::uint64_t begin();
  /// Ends it. Blocks inside it that were never left are rolled back, and it with them: ProgrammingMistake if
  /// it was to be committed. One that has ended with a block around it has nothing to roll back.
  void end(std::uint64_t number, bool commit);
  [[nodiscard]] bool autocommit() const noexcept { return autocommit_; }
  void set_autocommit(bool on);

  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(pool_object_.ptr());
    return 0;
  }

  /// Asks the lease something. InterfaceError unless there is one.
  template <class Ask>
  auto ask(Ask question) {
    return in_turn([&] { return question(leased()); });
  }

 private:
  /// Without the GIL, and without another thread inside.
  template <class Work>
  auto in_turn(Work work) {
    return without_gil([&] {
      const ConnectionGuard guard(lock_);
      return work();
    });
  }
  void lease(std::optional<Seconds> timeout, const SourceLocation& where);
  [[nodiscard]] copg::Connection& leased();
  void require_no_transaction_block(const char* what) const;
  void drop(void (copg::Connection::*how)() noexcept) noexcept;

  nb::object pool_object_;
  Pool* pool_;  // null: for asyncio
  std::optional<double> timeout_s_;
  bool autocommit_;
  std::string leased_at_;
  ConnectionLock lock_;  // never waited for with the GIL
  std::optional<copg::Connection> lease_;
  struct Block {
    OpenBlock block;
    std::unique_ptr<Transaction> transaction;
  };
  std::vector<Block> transactions_;  // innermost last
  std::uint64_t last_number_ = 0;
};

void bind_connection(nb::module_& module);

}  // namespace copg::python
