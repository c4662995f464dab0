// How many requests have to wait, by the theory of queues. Pure: numbers in, numbers out.
// See docs/explanation/advice.md.
#pragma once

#include <cstdint>

namespace copg::engine {

/// Erlang's C: the part of the requests that find all `servers` busy, if they come by chance and keep `load`
/// servers busy on average. Both may be fractions: above 0. 1 if the load is too much for them.
[[nodiscard]] double erlang_c(double servers, double load);

/// Requests that come in bursts, or more evenly than by chance, by Hayward's approximation: `burstiness` of
/// them are taken for one.
struct Demand {
  double load = 0;        ///< Servers that are busy on average, if there are enough of them. Above 0.
  double burstiness = 1;  ///< Above 0.

  [[nodiscard]] double waiting(double servers) const {
    return erlang_c(servers / burstiness, load / burstiness);
  }
  /// The smallest number of servers at which no more than the part `target` of the requests waits.
  [[nodiscard]] std::uint32_t servers_for(double target) const;
};

/// The demand with which the part `waited` of the requests waits for `servers`, which must be more than
/// `load`. `waited`: above 0, below 1.
[[nodiscard]] Demand demand_that_waits(double load, double servers, double waited);

}  // namespace copg::engine
