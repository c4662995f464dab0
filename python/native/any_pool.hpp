// pycopg._native.AnyPool: what the pool for threads and that for asyncio have in common. Needs the GIL.
#pragma once

#include <nanobind/nanobind.h>

#include <copg/config.hpp>
#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>

#include <memory>
#include <string>

#include "engine/pool_engine.hpp"
#include "python/native/result_rows.hpp"

namespace copg::python {

namespace nb = nanobind;

class AnyPool {
 public:
  /// `options`: see options_of. Validates, and opens nothing. Throws ConfigurationError, ValueError for an
  /// option.
  AnyPool(const Config& config, nb::handle weak_self, const nb::dict& options);
  AnyPool(const AnyPool&) = delete;
  AnyPool& operator=(const AnyPool&) = delete;

  /// In messages: the option, or the database's.
  [[nodiscard]] const std::string& name() const noexcept {
    return options_.name.empty() ? config_.database : options_.name;
  }
  [[nodiscard]] const PoolOptions& options() const noexcept { return options_; }
  [[nodiscard]] PoolStats stats() const;
  /// PoolClosed if it is not open.
  [[nodiscard]] const std::shared_ptr<engine::PoolEngine>& engine() const;
  /// `close` in two parts: the second one waits until nothing is left, and ends the pool's thread.
  void start_close(double timeout_s);
  void finish_close(double timeout_s);

 protected:
  /// Closes without waiting for leases.
  ~AnyPool();
  /// Before an engine is made: PoolClosed where that is not possible any more.
  void require_openable() const;

  const Config config_;
  const PoolOptions options_;
  const RowKind rows_;
  std::shared_ptr<engine::PoolEngine> engine_;
  bool closed_ = false;
};

void bind_any_pool(nb::module_& module);

}  // namespace copg::python
