// What shortens a trace, whatever its inputs are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace copg::sim {

/// The trace without so many of its inputs.
template <class Trace, class Input>
Trace without(const Trace& trace, std::vector<Input> Trace::*inputs, std::size_t begin, std::size_t length) {
  Trace shorter = trace;
  auto& left = shorter.*inputs;
  const auto first = left.begin() + static_cast<std::ptrdiff_t>(begin);
  left.erase(first, first + static_cast<std::ptrdiff_t>(std::min(length, left.size() - begin)));
  return shorter;
}

/// Deletes runs of inputs, long ones first, until no single one can go. `still_fails` may change what it is
/// given.
template <class Trace, class Input, class StillFails>
void delete_runs(Trace& trace, std::vector<Input> Trace::*inputs, StillFails still_fails) {
  for (std::size_t length = std::max<std::size_t>((trace.*inputs).size() / 2, 1);;
       length = std::max<std::size_t>(length / 2, 1)) {
    bool shorter = false;
    for (std::size_t begin = 0; begin < (trace.*inputs).size();) {
      Trace candidate = without(trace, inputs, begin, length);
      if (still_fails(candidate)) {
        trace = std::move(candidate);
        shorter = true;
      } else {
        begin += length;
      }
    }
    if (length == 1 && !shorter) return;
  }
}

}  // namespace copg::sim
