// The contest of `copg-bench-share`: queries with many of them under way or waiting at a time, on one thread.
//
// Closed loop: so many clients, each of which asks again when it has its answer. Open loop: queries come when
// they come (arrivals.hpp), and their latency counts from when they were due, so that who falls behind can't
// hide it.
#pragma once

#include <string>
#include <utility>

#include "histogram.hpp"
#include "measure.hpp"
#include "share/arrivals.hpp"

namespace copg::bench {

/// An open loop drops what comes while so many queries are outstanding, so that it ends soon whoever takes
/// part.
inline constexpr long most_outstanding = 5000;

/// Each takes the number of a row and answers with it, the number first.
struct Statements {
  std::string fast{};
  std::string slow{};
};

struct Query {
  double due = 0;  // as Times::wall
  int row = 0;
  bool slow = false;
};

inline Query query_of(const Arrival& arrival) {
  return {static_cast<double>(arrival.due), arrival.row, arrival.slow != 0};
}

/// What a turn came to.
struct Turn {
  Times cost{};  // from when the first query was due to the last answer
  long offered = 0;
  long dropped = 0;
  double scheduled = 0;  // from when the first query was due to when the last was; nanoseconds
  Histogram fast{}, slow{};
};

/// Follows a turn from its begin.
class Observation {
 public:
  /// False: it is dropped.
  bool admit(const Query& query) {
    if (turn_.offered++ == 0) begin_.wall = query.due;
    turn_.scheduled = query.due - begin_.wall;
    if (outstanding_ == most_outstanding) {
      ++turn_.dropped;
      return false;
    }
    ++outstanding_;
    return true;
  }
  void answered(const Query& query) {
    last_answer_ = Times::now().wall;
    (query.slow ? turn_.slow : turn_.fast).add((last_answer_ - query.due) / 1e3);
    --outstanding_;
  }
  [[nodiscard]] bool all_answered() const { return outstanding_ == 0; }
  [[nodiscard]] Turn end() {
    turn_.cost = Times{last_answer_, Times::now().cpu} - begin_;
    return std::move(turn_);
  }

 private:
  Times begin_ = Times::now();
  double last_answer_ = begin_.wall;
  long outstanding_ = 0;
  Turn turn_{};
};

/// The queries of a closed loop, until its time is up.
class Queries {
 public:
  Queries(double seconds, bool slow) : end_(Times::now().wall + seconds * 1e9), slow_(slow) {}
  [[nodiscard]] Query next() {
    return {Times::now().wall, 1 + static_cast<int>(num_++ * 7919 % rows), slow_};
  }
  [[nodiscard]] bool over() const { return Times::now().wall >= end_; }

 private:
  double end_;
  bool slow_;
  long num_ = 0;
};

/// What a pool's statistics have grown to.
struct Sharing {
  unsigned long shared = 0;  // statements
  unsigned long runs = 0;
  unsigned long isolated = 0;
};

class Contestant {
 public:
  Contestant() = default;
  Contestant(const Contestant&) = delete;
  Contestant& operator=(const Contestant&) = delete;
  virtual ~Contestant() = default;
  virtual Turn closed_loop(int clients, Queries queries) = 0;
  virtual Turn open_loop(const Arrivals& arrivals) = 0;
  [[nodiscard]] virtual Sharing sharing() const { return {}; }
};

}  // namespace copg::bench
