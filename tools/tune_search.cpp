// See tune_search.hpp.
#include "tune_search.hpp"

#include <algorithm>
#include <utility>

namespace copg::tools {
namespace {

constexpr double harmful = 0.8;  // of the best: so little shows that more connections do harm

double median(const std::vector<TuneRound>& rounds, double TuneRound::*field) {
  std::vector<double> values;
  for (const TuneRound& round : rounds) values.push_back(round.*field);
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace

TuneSearch::TuneSearch(int largest, int rounds)
    : largest_(largest), rounds_(rounds), doubling_(true), refines_(true), planned_{1} {}

TuneSearch::TuneSearch(std::vector<int> sizes, int rounds)
    : largest_(0), rounds_(rounds), doubling_(false), refines_(false) {
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  for (const int size : sizes) rounds_of_[size];
}

std::optional<int> TuneSearch::next() {
  if (doubling_ && planned_.empty()) plan_the_next_doubling();
  if (!doubling_ && planned_.empty()) {
    // One round of all after the other, so that a machine that is busy for a while does so to all.
    std::size_t fewest = static_cast<std::size_t>(rounds_);
    for (const auto& [size, rounds] : rounds_of_) fewest = std::min(fewest, rounds.size());
    if (fewest < static_cast<std::size_t>(rounds_)) {
      for (auto it = rounds_of_.rbegin(); it != rounds_of_.rend(); ++it)
        if (it->second.size() == fewest) planned_.push_back(it->first);
    } else if (refines_) {
      plan_a_step_to_the_knee();
    }
  }
  if (planned_.empty()) return std::nullopt;
  const int size = planned_.back();
  planned_.pop_back();
  return size;
}

void TuneSearch::add(int size, const TuneRound& round) {
  does_harm_ = doubling_ && round.per_second < best() * harmful;
  rounds_of_[size].push_back(round);
}

void TuneSearch::plan_the_next_doubling() {
  const int last = rounds_of_.rbegin()->first;
  if (last == largest_ || does_harm_) {
    doubling_ = false;
  } else {
    planned_.push_back(std::min(2 * last, largest_));
  }
}

/// Between the smallest size that is good enough and the largest below it that is not.
void TuneSearch::plan_a_step_to_the_knee() {
  const int good = advice();
  int below = 0;
  for (const auto& [size, rounds] : rounds_of_)
    if (size < good) below = size;
  if (good - below > 1) planned_.push_back((good + below) / 2);
}

std::map<int, TuneRound> TuneSearch::results() const {
  std::map<int, TuneRound> results;
  for (const auto& [size, rounds] : rounds_of_) {
    if (rounds.empty()) continue;
    results[size] = {.per_second = median(rounds, &TuneRound::per_second),
                     .p50_ms = median(rounds, &TuneRound::p50_ms),
                     .p99_ms = median(rounds, &TuneRound::p99_ms),
                     .client_cpu = median(rounds, &TuneRound::client_cpu)};
  }
  return results;
}

double TuneSearch::throughput(int size) const {
  const std::vector<TuneRound>& rounds = rounds_of_.at(size);
  return rounds.empty() ? 0 : median(rounds, &TuneRound::per_second);
}

double TuneSearch::best() const {
  double best = 0;
  for (const auto& [size, rounds] : rounds_of_) best = std::max(best, throughput(size));
  return best;
}

int TuneSearch::advice() const {
  const double enough = best() * good_enough;
  for (const auto& [size, rounds] : rounds_of_)
    if (!rounds.empty() && throughput(size) >= enough) return size;
  return rounds_of_.rbegin()->first;
}

}  // namespace copg::tools
