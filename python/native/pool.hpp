// pycopg._native.Pool: copg::PooledDatabase with Python's types. The classes of pycopg derive from it.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/config.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pooled_database.hpp>

#include <memory>
#include <string>

#include "python/native/result_rows.hpp"

namespace copg::python {

namespace nb = nanobind;

class Pool {
 public:
  /// Validates, and opens nothing. Throws ConfigurationError, ValueError for an option.
  /// `checked`: a user's function looks at each connection before it is used.
  Pool(const Config& config, PoolOptions options, RowKind rows, bool checked);
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  /// Closes without waiting for leases.
  ~Pool();

  /// Opens the pool, once; returns without waiting for connections.
  void open();
  /// PoolClosed if it is not open yet.
  [[nodiscard]] PooledDatabase& database();

  [[nodiscard]] nb::object execute(nb::handle sql, nb::handle params);
  [[nodiscard]] nb::object fetch_one(nb::handle sql, nb::handle params);
  [[nodiscard]] nb::object fetch_val(nb::handle sql, nb::handle params);
  [[nodiscard]] std::int64_t execute_many(nb::handle sql, nb::handle rows);

  /// In messages: the option, or the database's.
  [[nodiscard]] const std::string& name() const noexcept {
    return options_.name.empty() ? config_.database : options_.name;
  }
  [[nodiscard]] PoolStats stats() const;
  void check();
  void wait(double timeout_s);
  void close(double timeout_s);
  /// `close` in two parts.
  void start_close(double timeout_s);
  void finish_close(double timeout_s);

 private:
  [[nodiscard]] ResultRows run(nb::handle sql, nb::handle params);

  const Config config_;
  const PoolOptions options_;
  const RowKind rows_;
  const bool checked_;
  std::shared_ptr<PooledDatabase> database_;
  bool closed_ = false;
};

void bind_pool(nb::module_& module);

}  // namespace copg::python
