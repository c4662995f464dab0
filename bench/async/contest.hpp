// The contest of `copg-bench-async`: point selects with many requests under way at a time, on one thread.
#pragma once

#include <string>
#include <vector>

#include "measure.hpp"

namespace copg::bench {

inline constexpr int connections = 10;
inline constexpr int rows = 1000;  // of bench_users
inline constexpr const char* point_select = "SELECT id, name FROM bench_users WHERE id = $1";

/// What one turn of a contestant came to.
struct Turn {
  Times cost;                    // per query
  std::vector<float> latencies;  // of each query, from asking to having the rows; in microseconds
};

/// The row that the n-th query asks for.
inline int row_of(long n) { return 1 + static_cast<int>(n * 7919 % rows); }

class Contestant {
 public:
  Contestant() = default;
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  virtual ~Contestant() = default;
  /// Makes `queries` of them, `concurrency` under way or waiting at any time.
  virtual Turn run(int concurrency, long queries) = 0;
};

/// Begins a turn, notes latencies, ends it.
class Stopwatch {
 public:
  explicit Stopwatch(long queries) : queries_(queries) {
    turn_.latencies.reserve(static_cast<std::size_t>(queries));
    begin_ = Times::now();
  }
  static double now() {
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  void answered(double asked_at) { turn_.latencies.push_back(static_cast<float>(now() - asked_at)); }
  Turn stop() {
    turn_.cost = (Times::now() - begin_) / static_cast<double>(queries_);
    return std::move(turn_);
  }

 private:
  long queries_;
  Times begin_;
  Turn turn_;
};

}  // namespace copg::bench
