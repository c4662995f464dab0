// How the benchmarks measure: wall time and CPU time of the client, and medians of runs that take turns.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <utility>
#include <vector>

namespace copg::bench {

/// Wall and CPU time of this process since some point, or between two. In nanoseconds.
struct Times {
  double wall = 0;
  double cpu = 0;

  static Times now() {
    timespec cpu{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    const auto wall = std::chrono::steady_clock::now().time_since_epoch();
    return {.wall = std::chrono::duration<double, std::nano>(wall).count(),
            .cpu = static_cast<double>(cpu.tv_sec) * 1e9 + static_cast<double>(cpu.tv_nsec)};
  }
  friend Times operator+(const Times& a, const Times& b) { return {a.wall + b.wall, a.cpu + b.cpu}; }
  friend Times operator-(const Times& a, const Times& b) { return {a.wall - b.wall, a.cpu - b.cpu}; }
  friend Times operator/(const Times& a, double n) { return {a.wall / n, a.cpu / n}; }
};

template <class Work>
Times time_of(Work&& work) {
  const Times begin = Times::now();
  work();
  return Times::now() - begin;
}

/// The value that a share of `part` (0..1) of the others is below.
inline double quantile(std::vector<double> values, double part) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size()));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}
inline double median(std::vector<double> values) { return quantile(std::move(values), 0.5); }

/// Two contestants that take turns, so that noise of the machine meets both.
class Duel {
 public:
  void round(const Times& ours, const Times& theirs) {
    wall_ratios_.push_back(ours.wall / theirs.wall);
    cpu_ratios_.push_back(ours.cpu / theirs.cpu);
    our_wall_.push_back(ours.wall);
    our_cpu_.push_back(ours.cpu);
    their_wall_.push_back(theirs.wall);
    their_cpu_.push_back(theirs.cpu);
  }
  /// Medians over the rounds, and between what the middle half of the ratios lies; times in microseconds.
  template <class Counters>
  void report(Counters& counters) const {
    counters["wall_ratio"] = median(wall_ratios_);
    counters["cpu_ratio"] = median(cpu_ratios_);
    counters["cpu_ratio_25%"] = quantile(cpu_ratios_, 0.25);
    counters["cpu_ratio_75%"] = quantile(cpu_ratios_, 0.75);
    counters["copg_wall_us"] = median(our_wall_) / 1e3;
    counters["copg_cpu_us"] = median(our_cpu_) / 1e3;
    counters["bare_wall_us"] = median(their_wall_) / 1e3;
    counters["bare_cpu_us"] = median(their_cpu_) / 1e3;
  }

 private:
  std::vector<double> wall_ratios_, cpu_ratios_, our_wall_, our_cpu_, their_wall_, their_cpu_;
};

}  // namespace copg::bench
