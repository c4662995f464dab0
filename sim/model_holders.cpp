// The model's account of holders: which of them keep a lease while they wait for another, and when nobody can
// move any more.
#include "sim/model.hpp"

#include <algorithm>

namespace copg::sim {

/// The holder of the lease has asked for another connection since, and waits for it.
bool Model::keeps_while_waiting(const Connection& lease, const Waiter& waiter) {
  return lease.state == State::leased && lease.holder != pool::unknown_holder &&
         lease.holder == waiter.holder && lease.leased_as < waiter.entered_as;
}

bool Model::holds(const Waiter& waiter) const {
  return std::ranges::any_of(connections_, [&](const auto& it) { return keeps_while_waiting(it, waiter); });
}

/// No connection can come back, and none can be opened.
bool Model::deadlocked() const {
  std::size_t live = 0;
  for (const Connection& connection : connections_) {
    if (connection.state == State::none) continue;
    ++live;
    if (std::ranges::none_of(queue_, [&](const auto& it) { return keeps_while_waiting(connection, it); }))
      return false;
  }
  return live >= options_.max_size;
}

}  // namespace copg::sim
