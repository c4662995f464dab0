// The quickstart's work: the same requests from many threads, with a connection for each, and through a pool.
#pragma once

#include <atomic>
#include <chrono>
#include <copg/config.hpp>
#include <copg/pool_stats.hpp>
#include <cstdint>
#include <functional>
#include <string>

namespace copg::tools {

using Microseconds = std::chrono::duration<double, std::micro>;

struct LoadOptions {
  int threads = 16;                         ///< That ask at the same time.
  int pool_size = 8;                        ///< Connections the pool may open.
  int rows = 10'000;                        ///< In the table.
  std::chrono::duration<double> period{3};  ///< How long each of the two loads lasts.
};

/// What one load gave.
struct LoadResult {
  double requests_per_second = 0;
  Microseconds p50{};
  Microseconds p99{};
  std::uint64_t requests = 0;
  std::uint64_t connections_opened = 0;
};

/// Called ten times a second: how long the load has lasted, and how many requests have been answered.
using Progress = std::function<void(std::chrono::duration<double> elapsed, std::uint64_t requests)>;

/// A table `users` in a schema of its own. The destructor drops both.
class UsersTable {
 public:
  /// Throws copg::Error.
  UsersTable(const Config& config, int rows);
  UsersTable(const UsersTable&) = delete;
  UsersTable& operator=(const UsersTable&) = delete;
  ~UsersTable();
  /// As SQL has it, with its schema.
  [[nodiscard]] std::string name() const { return schema_ + ".users"; }

 private:
  Config config_;
  std::string schema_;
};

/// Both stop early when `stop` becomes true, and throw what went wrong first.
LoadResult run_without_pool(const Config& config, const std::string& table, const LoadOptions& options,
                            const std::atomic<bool>& stop, const Progress& progress);
LoadResult run_with_pool(const Config& config, const std::string& table, const LoadOptions& options,
                         const std::atomic<bool>& stop, const Progress& progress, PoolStats& stats);

}  // namespace copg::tools
