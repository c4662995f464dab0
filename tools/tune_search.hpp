// Which sizes of a pool to measure, and which one to advise. Measures nothing itself.
#pragma once

#include <map>
#include <optional>
#include <vector>

namespace copg::tools {

/// What one size of the pool gave in one round.
struct TuneRound {
  double per_second = 0;  ///< Requests that were answered.
  double p50_ms = 0;
  double p99_ms = 0;
  double client_cpu = 0;  ///< Processors that the client kept busy.
};

/// Doubles the size until that does harm, and then looks for the smallest size that is good enough: the knee.
class TuneSearch {
 public:
  /// Of the best throughput that was seen: a smaller pool that reaches it is preferred.
  static constexpr double good_enough = 0.95;

  /// Sizes 1 to `largest`, each measured in `rounds` rounds. Both at least 1.
  TuneSearch(int largest, int rounds);
  /// Measures these sizes, and no others.
  TuneSearch(std::vector<int> sizes, int rounds);

  /// The size to measure next; nothing: the search is over.
  [[nodiscard]] std::optional<int> next();
  /// What that has given.
  void add(int size, const TuneRound& round);

  /// The medians of each size that was measured.
  [[nodiscard]] std::map<int, TuneRound> results() const;
  /// The smallest size that is good enough. At least one must have been measured.
  [[nodiscard]] int advice() const;

 private:
  [[nodiscard]] double throughput(int size) const;
  [[nodiscard]] double best() const;
  void plan_the_next_doubling();
  void plan_a_step_to_the_knee();

  int largest_;
  int rounds_;
  bool doubling_;             // the first round, which finds out how far to go
  bool refines_;              // after that, between the sizes of the first rounds
  bool does_harm_ = false;    // the last doubling
  std::vector<int> planned_;  // last first
  std::map<int, std::vector<TuneRound>> rounds_of_;
};

}  // namespace copg::tools
