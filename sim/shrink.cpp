#include "sim/shrink.hpp"

#include <algorithm>

#include "sim/simulation.hpp"

namespace copg::sim {
namespace {

/// Replays; if the invariant fails again, drops what came after, and says so.
bool still_fails(Trace& trace, const std::string& invariant, Sabotage sabotage) {
  const RunResult result = replay(trace, sabotage);
  if (!result.violation || result.violation->invariant != invariant) return false;
  trace.inputs.resize(static_cast<std::size_t>(result.inputs));
  return true;
}

Trace without(const Trace& trace, std::size_t begin, std::size_t length) {
  Trace shorter{trace.options, {}};
  shorter.inputs.reserve(trace.inputs.size());
  const std::size_t end = std::min(begin + length, trace.inputs.size());
  shorter.inputs.insert(shorter.inputs.end(), trace.inputs.begin(),
                        trace.inputs.begin() + static_cast<std::ptrdiff_t>(begin));
  shorter.inputs.insert(shorter.inputs.end(), trace.inputs.begin() + static_cast<std::ptrdiff_t>(end),
                        trace.inputs.end());
  return shorter;
}

}  // namespace

Trace shrink(Trace trace, Sabotage sabotage) {
  const RunResult first = replay(trace, sabotage);
  if (!first.violation) return trace;
  const std::string invariant = first.violation->invariant;
  still_fails(trace, invariant, sabotage);
  for (std::size_t length = std::max<std::size_t>(trace.inputs.size() / 2, 1);;
       length = std::max<std::size_t>(length / 2, 1)) {
    bool shorter = false;
    for (std::size_t begin = 0; begin < trace.inputs.size();) {
      Trace candidate = without(trace, begin, length);
      if (still_fails(candidate, invariant, sabotage)) {
        trace = std::move(candidate);
        shorter = true;
      } else {
        begin += length;
      }
    }
    if (length == 1 && !shorter) return trace;
  }
}

}  // namespace copg::sim
