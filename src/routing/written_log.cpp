#include "routing/written_log.hpp"

#include <algorithm>

namespace copg::routing {

void WrittenLog::note(engine::TimePoint time, const cluster::Observation& primary) {
  if (primary.system != system_ || primary.instance != instance_ || primary.timeline != timeline_) count_ = 0;
  system_ = primary.system;
  instance_ = primary.instance;
  timeline_ = primary.timeline;
  if (count_ > 0) {
    Written& last = entries_[(count_ - 1) % entries_.size()];
    if (primary.position < last.position) {  // what had not reached the disk went with a crash
      count_ = 0;
    } else if (primary.position == last.position) {
      last.time = time;
      return;
    }
  }
  entries_[count_++ % entries_.size()] = {time, primary.position};
}

engine::Duration WrittenLog::age(engine::TimePoint time, const cluster::Observation& replica) const {
  if (replica.system != system_ || replica.timeline != timeline_) return cluster::forever;
  const std::size_t kept = std::min(count_, entries_.size());
  for (std::size_t back = 1; back <= kept; ++back) {
    const Written& it = entries_[(count_ - back) % entries_.size()];
    if (it.position <= replica.position) return std::max(time - it.time, engine::Duration::zero());
  }
  return cluster::forever;
}

}  // namespace copg::routing
