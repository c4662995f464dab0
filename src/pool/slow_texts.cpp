#include "pool/slow_texts.hpp"

#include <algorithm>

namespace copg::pool {

Duration SlowTexts::estimate(std::uint64_t key) const {
  for (const Record& record : sets_[set_of(key)]) {
    if (record.key == key) return record.estimate;
  }
  return {};
}

void SlowTexts::learn(std::uint64_t key, Duration took, bool first) {
  if (first) learn_round_trip(took);
  const Duration cost = first ? std::max(took - round_trip_, Duration::zero()) : took;
  if (records_ == 0 && cost <= threshold()) return;  // the usual case
  Set& set = sets_[set_of(key)];
  auto* record = std::find_if(set.begin(), set.end(), [key](const Record& it) {
    return it.key == key && it.estimate > Duration::zero();
  });
  if (record == set.end()) {
    if (cost <= threshold()) return;
    record = std::prev(set.end());
    if (record->estimate == Duration::zero()) ++records_;
    *record = {.key = key, .estimate = cost / weight};  // it was fast until now
  } else {
    record->estimate += (cost - record->estimate) / weight;
  }
  if (record->estimate < threshold() / weight) {  // fast again
    --records_;
    std::rotate(record, record + 1, set.end());
    set.back() = {};
  } else {
    std::rotate(set.begin(), record, record + 1);
  }
}

/// Moves up by a 64th, or down by three: at rest a quarter of the answers are quicker. (Ma, Muthukrishnan and
/// Sandler 2013, "frugal streaming".)
void SlowTexts::learn_round_trip(Duration took) {
  constexpr int steps = 64;
  const Duration step = round_trip_ / steps;
  if (round_trip_ == Duration::zero()) {
    round_trip_ = took;
  } else if (took > round_trip_) {
    round_trip_ += std::min(step + Duration(1), took - round_trip_);
  } else {
    round_trip_ = std::max(round_trip_ - 3 * step, took);
  }
}

}  // namespace copg::pool
