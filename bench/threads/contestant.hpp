// What every pool of `copg-bench-threads` is asked to do, by many threads at a time.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

namespace copg::bench {

class Contestant {
 public:
  Contestant() = default;
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  virtual ~Contestant() = default;
  /// The statement with this parameter, in the shortest way that the pool has for it.
  virtual void select(int row) = 0;
  /// The same on a lease, which is given back.
  virtual void lease_select(int row) = 0;
  /// The statement twice in a transaction, which is committed.
  virtual void transaction(int row) = 0;
  /// So many leases in a row, each of which is given back at once: nothing is asked.
  virtual void lease(int count) = 0;
  /// Leases all connections, calls, and gives them back.
  virtual void hold_all(const std::function<void()>& meanwhile) = 0;
};

/// What they connect to, and ask: a statement that takes the number of a row and answers with it, the number
/// first.
struct Task {
  std::string url;
  int connections = 0;
  std::string statement;
};

inline void require_row(bool right) {
  if (!right) throw std::runtime_error("wrong row");
}

std::unique_ptr<Contestant> make_fair(const Task& task);
std::unique_ptr<Contestant> make_lifo(const Task& task);
std::unique_ptr<Contestant> make_copg(const Task& task, bool share);
#ifdef COPG_BENCH_LIBPQXX
std::unique_ptr<Contestant> make_libpqxx(const Task& task);
#endif

}  // namespace copg::bench
