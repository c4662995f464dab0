// pycopg._native.Pool: copg::PooledDatabase with Python's types. The classes of pycopg derive from it.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/config.hpp>
#include <copg/pool_options.hpp>
#include <copg/pooled_database.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "python/native/any_pool.hpp"

namespace copg::python {

namespace nb = nanobind;

class Pool : public AnyPool {
 public:
  Pool(const Config& config, nb::handle weak_self, const nb::dict& options);
  explicit Pool(nb::handle other);
  /// Shares the connections of an open pool for threads: its calls go to a server of this role. UsageError
  /// for a replica if there is one host, ValueError for an option.
  Pool(nb::handle other, nb::handle role, nb::handle max_lag, nb::handle if_unfit, nb::handle patience);
  ~Pool() override;

  void open() override;
  /// PoolClosed if it is not open.
  [[nodiscard]] PooledDatabase& database();

  [[nodiscard]] nb::object execute(nb::handle sql, nb::handle params, nb::handle row, nb::handle timeout);
  [[nodiscard]] nb::object fetch_one(nb::handle sql, nb::handle params, nb::handle row, nb::handle timeout);
  [[nodiscard]] nb::object fetch_val(nb::handle sql, nb::handle params, nb::handle timeout);
  /// The rows as tuples, read without the types of the program's own, and without the pool's check.
  [[nodiscard]] nb::object execute_plain(nb::handle sql, nb::handle params, nb::handle timeout);
  /// The number of affected rows, or a list of those that are returned.
  [[nodiscard]] nb::object execute_many(nb::handle sql, nb::handle rows, nb::handle returning,
                                        nb::handle timeout);
  /// Answers to several statements. `transaction`: all or none; else each is its own.
  [[nodiscard]] nb::object execute_all(nb::handle statements, nb::handle transaction, nb::handle row,
                                       nb::handle timeout);

  /// Leases a connection. `calls_end`: each of its calls ends by the deadline, too.
  [[nodiscard]] copg::Connection connection(const std::optional<Deadline>& deadline, bool calls_end,
                                            const SourceLocation& where);
  [[nodiscard]] std::optional<copg::Connection> try_connection(const SourceLocation& where);

  void check();
  void wait(double timeout_s);
  void close(double timeout_s);

 private:
  /// Calls a verb, which takes the pool, or the same for a deadline or a role. Without the GIL.
  template <class Verb>
  auto call(PooledDatabase& db, const std::optional<Deadline>& deadline, Verb verb) {
    if (on_) [[unlikely]] {
      DatabaseOn on = deadline ? on_->within(*deadline) : *on_;
      return verb(on);
    }
    if (!deadline) return verb(db);
    DatabaseWithin within = db.within(*deadline);
    return verb(within);
  }
  [[nodiscard]] ResultRows run(nb::handle sql, nb::handle params, nb::handle timeout);
  /// `types`: of the program's own; null: none.
  [[nodiscard]] ResultRows run_with(const TypesNow& types, nb::handle sql, nb::handle params,
                                    const std::optional<Deadline>& deadline);
  void look_up(const std::vector<Oid>& unknown, nb::handle timeout);

  const bool checked_;  // a user's function looks at each connection before it is used
  std::shared_ptr<PooledDatabase> database_;
  std::optional<DatabaseOn> on_;  // of several hosts: where its calls go; none: to the primary
};

void bind_pool(nb::module_& module);

}  // namespace copg::python
