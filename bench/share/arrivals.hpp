// The arrivals of an open loop: a Poisson process, from a process of its own through a pipe, as requests
// would come to a service. Contestants in C++ and in Python read the same.
#pragma once

#include <cstdint>
#include <cstdio>

namespace copg::bench {

inline constexpr int rows = 1000;  // the statements may ask for 1 to this

/// As it stands in the pipe, which only ever has whole ones.
struct Arrival {
  std::int64_t due = 0;  // by CLOCK_MONOTONIC, in nanoseconds
  std::int32_t row = 0;
  std::int32_t slow = 0;  // or 0
};

struct Schedule {
  double rate = 0;       // per second
  double slow_part = 0;  // 0..1
  double seconds = 0;
  unsigned seed = 0;
};

/// Writes them to the standard output, each when it is due.
void write_arrivals(const Schedule& schedule);

/// Starts the process that does.
class Arrivals {
 public:
  explicit Arrivals(const Schedule& schedule);
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;
  ~Arrivals();
  /// To read them from; at its end after the last.
  [[nodiscard]] int descriptor() const;

 private:
  std::FILE* pipe_;
};

}  // namespace copg::bench
