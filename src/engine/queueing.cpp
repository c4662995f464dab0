#include "engine/queueing.hpp"

#include <algorithm>
#include <cmath>

namespace copg::engine {
namespace {

/// The integral of exp(-t) * (1 + t / load)^power over all t above 0, for a power of 0 to 1, by Simpson's
/// rule over the root of t, where the function is smooth.
double fractional_part(double power, double load) {
  if (power == 0) return 1;
  constexpr int steps = 400;
  constexpr double end = 6;  // exp(-36) is nothing
  constexpr double step = end / steps;
  double sum = 0;
  for (int i = 1; i < steps; ++i) {
    const double root = i * step;
    const double t = root * root;
    sum += (i % 2 == 1 ? 4 : 2) * 2 * root * std::exp(-t) * std::pow(1 + t / load, power);
  }
  return sum * step / 3;
}

/// Erlang's B, of which the inverse obeys a recursion over the servers, and for a fraction of one is an
/// integral.
double erlang_b(double servers, double load) {
  const double whole = std::floor(servers);
  const double rest = servers - whole;
  double inverse = fractional_part(rest, load);
  for (double count = 1; count <= whole; ++count) {
    inverse = 1 + (rest + count) / load * inverse;
    if (std::isinf(inverse)) return 0;
  }
  return 1 / inverse;
}

}  // namespace

double erlang_c(double servers, double load) {
  if (load >= servers) return 1;
  const double blocked = erlang_b(servers, load);
  return blocked / (1 - load / servers * (1 - blocked));
}

std::uint32_t Demand::servers_for(double target) const {
  double below = std::floor(load);  // at which more wait
  double step = 1;
  while (waiting(below + step) > target) {
    below += step;
    step *= 2;
  }
  double enough = below + step;
  while (enough - below > 1) {
    const double middle = std::floor((below + enough) / 2);
    (waiting(middle) > target ? below : enough) = middle;
  }
  return static_cast<std::uint32_t>(enough);
}

Demand demand_that_waits(double load, double servers, double waited) {
  constexpr double most = 100;
  constexpr int steps = 40;
  double low = 1 / most;
  double high = most;
  for (int i = 0; i < steps; ++i) {
    const double middle = std::sqrt(low * high);
    (Demand{load, middle}.waiting(servers) < waited ? low : high) = middle;
  }
  return {load, high};
}

}  // namespace copg::engine
