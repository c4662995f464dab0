// pycopg._native.AnyPool: what the pool for threads and that for asyncio have in common. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/config.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pooled_database.hpp>
#include <copg/source_location.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/pool_engine.hpp"
#include "python/native/location.hpp"
#include "python/native/result_rows.hpp"
#include "python/native/role.hpp"
#include "python/native/types.hpp"

namespace copg::python {

namespace nb = nanobind;

class AnyPool {
 public:
  /// `options`: see options_of. Validates, and opens nothing. Throws ConfigurationError, ValueError for an
  /// option.
  AnyPool(const Config& config, nb::handle weak_self, const nb::dict& options);
  /// Shares the connections, the queue and the options of another pool, an object of Python's that it keeps.
  explicit AnyPool(nb::handle other);
  AnyPool(const AnyPool&) = delete;
  AnyPool& operator=(const AnyPool&) = delete;

  /// In messages: the option, or the database's.
  [[nodiscard]] const std::string& name() const noexcept {
    return options_.name.empty() ? config_.database : options_.name;
  }
  [[nodiscard]] const PoolOptions& options() const noexcept { return options_; }
  [[nodiscard]] PoolStats stats() const;
  [[nodiscard]] PoolMetrics metrics() const;
  /// PoolClosed if it is not open, UsageError if it chooses among several hosts.
  [[nodiscard]] const std::shared_ptr<engine::PoolEngine>& engine() const;
  /// Of each host; also once it is closed; empty before it was opened.
  [[nodiscard]] std::vector<std::shared_ptr<engine::PoolEngine>> engines() const;
  /// Null if it has one host.
  [[nodiscard]] const std::shared_ptr<PooledDatabase>& routed() const noexcept { return routed_; }
  /// The engine of the one host; null if it has several. PoolClosed if it is not open.
  [[nodiscard]] const std::shared_ptr<engine::PoolEngine>& engine_if_one() const;
  /// Which chooses among several hosts. PoolClosed if it is not open, UsageError if it has one host.
  [[nodiscard]] std::shared_ptr<routing::Router> router() const;
  [[nodiscard]] const Wish& wish() const noexcept { return wish_; }
  void drain();
  void suspend();
  void resume();
  /// A `run` has begun again.
  void count_retry() const;
  /// Of the program's own.
  [[nodiscard]] const Types& types() const noexcept { return *types_; }
  [[nodiscard]] const nb::object& types_object() const noexcept { return types_object_; }
  /// Where in the program the call was made, without the modules that the option names.
  [[nodiscard]] SourceLocation caller() const { return python::caller(origin_skip_); }
  [[nodiscard]] const OriginSkip& origin_skip() const noexcept { return origin_skip_; }
  /// Opens the pool, once; returns without waiting for connections.
  virtual void open() = 0;
  /// For the garbage collector of Python.
  int traverse(visitproc visit, void* arg) const {
    Py_VISIT(other_.ptr());
    Py_VISIT(types_object_.ptr());
    return rows_.traverse(visit, arg);
  }
  /// The program's observers have other hooks now.
  void set_hooks(const nb::object& hooks);
  /// `close` in two parts: the second one waits until nothing is left, and ends the pool's thread.
  void start_close(double timeout_s);
  void finish_close(double timeout_s);

 protected:
  /// Closes without waiting for leases, unless it shares another's connections.
  virtual ~AnyPool();
  [[nodiscard]] bool shares() const noexcept { return other_.is_valid(); }
  /// Has what the other pool has, which is opened.
  void open_with_other();
  /// PoolClosed if it is not open.
  void require_open() const;
  /// Before an engine is made: PoolClosed where that is not possible any more.
  void require_openable() const;

  const Config config_;
  const PoolOptions options_;
  /// Of a call that is given `row`, or None. `own`: keeps what it makes.
  [[nodiscard]] const RowKind& rows_for(nb::handle row, std::optional<RowKind>& own) const {
    return row.is_none() ? rows_ : own.emplace(row, "row");
  }

  const RowKind rows_;
  // One of them, once it is open.
  std::shared_ptr<engine::PoolEngine> engine_;
  std::shared_ptr<PooledDatabase> routed_;  // which chooses among several hosts
  Wish wish_{};
  bool closed_ = false;

 private:
  const OriginSkip origin_skip_;
  const nb::object types_object_;
  const Types* const types_;
  const nb::object other_;  // whose connections it shares; none: it has its own
};

/// As Python sees them.
[[nodiscard]] nb::dict dict_of(const PoolStats& stats);

/// Of each class that is bound.
extern PyType_Slot pool_slots[];

void bind_any_pool(nb::module_& module);

}  // namespace copg::python
