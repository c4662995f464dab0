// One turn: so many threads ask in a closed loop for some seconds, and what that cost the process.
#pragma once

#include <string_view>

#include "histogram.hpp"
#include "measure.hpp"
#include "threads/contestant.hpp"

namespace copg::bench {

inline constexpr int rows = 1000;           // the statement may be asked for 1 to this
inline constexpr int leases_in_a_row = 64;  // of a thread, between two looks at the clock

struct Turn {
  Times cost{};    // from when the last thread was there to when the last had its last answer
  long count = 0;  // queries, transactions, leases
  long context_switches = 0;
  Histogram latencies{};  // not of leases, which are too short to be timed
  double longest = 0;     // nanoseconds
};

/// Queries, one after the other by each thread: `select`, `lease-select`, `transaction`. Leases alone:
/// `lease`, or `bursts`, for which all connections are held until every thread waits for one: then they come
/// free, and each thread takes leases_in_a_row. Throws std::invalid_argument for other work.
[[nodiscard]] Turn take_turn(Contestant& contestant, std::string_view work, int threads, double seconds);

}  // namespace copg::bench
