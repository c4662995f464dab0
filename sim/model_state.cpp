// The model's state: what it says, and the changes that inputs and actions have in common.
#include "sim/model.hpp"

#include <algorithm>

namespace copg::sim {

using pool::ConnectionId;
using pool::Duration;
using pool::TimePoint;
using pool::WaiterId;

bool Model::is(ConnectionId connection, State state) const {
  return connection.slot < connections_.size() &&
         connections_[connection.slot].generation == connection.generation &&
         connections_[connection.slot].state == state;
}

std::uint32_t Model::established() const {
  return static_cast<std::uint32_t>(
      std::count_if(connections_.begin(), connections_.end(), [this](const auto& it) {
        // An idle one of an ended epoch is being closed; the action that says so comes after the grants.
        if (it.state == State::idle) return it.epoch == epoch_;
        // One that needs a reset is being reset, unless it is closed instead; that action comes later, too.
        if (it.state == State::soiled) return it.epoch == epoch_ && !expired_perhaps(it) && !is_surplus();
        return it.state == State::leased || it.state == State::resetting || it.state == State::checking;
      }));
}

std::size_t Model::position_of(WaiterId waiter) const {
  std::size_t position = 0;
  while (position < queue_.size() && !(queue_[position].id == waiter)) ++position;
  return position;
}

void Model::draw_lifetime(Connection& connection) const {
  constexpr Duration rounding = std::chrono::microseconds(1);
  if (options_.max_lifetime >= pool::never - now_) return;
  const auto shortest = static_cast<Duration::rep>(static_cast<double>(options_.max_lifetime.count()) * 0.9);
  connection.expires_earliest = now_ + Duration(shortest) - rounding;
  connection.expires_latest = now_ + options_.max_lifetime + rounding;
  connection.ages_earliest = connection.expires_earliest - lead_;
  connection.ages_latest = connection.expires_latest - lead_;
}

bool Model::expired_surely(const Connection& connection) const { return now_ >= connection.expires_latest; }
bool Model::expired_perhaps(const Connection& connection) const {
  return now_ >= connection.expires_earliest;
}

void Model::enter(std::uint32_t slot, State state) {
  Connection& connection = connections_[slot];
  if (connection.state == State::idle) {
    idle_.erase(std::find(idle_.begin(), idle_.end(), slot));
    connection.marked = false;
  }
  connection.state = state;
  connection.since = now_;
  connection.slow = false;
  connection.holder = pool::unknown_holder;
}

/// The stack is ordered by last use; who was only checked goes back to its place.
void Model::make_idle(std::uint32_t slot, TimePoint since) {
  enter(slot, State::idle);
  connections_[slot].since = since;
  auto place = idle_.end();
  while (place != idle_.begin() && connections_[*(place - 1)].since > since) --place;
  idle_.insert(place, slot);
}

pool::TimePoint Model::patience_ends() const {
  if (outage_.failures == 0 || options_.outage_patience >= pool::never - outage_.since) return pool::never;
  return outage_.since + options_.outage_patience;
}

/// As out_of_patience, where the core may have closed idle connections already and has not told.
bool Model::out_of_patience_perhaps() const {
  const auto closing = [this](const Connection& it) {
    return it.state == State::idle && it.epoch == epoch_ &&
           (expired_perhaps(it) || is_surplus() || now_ - it.since >= options_.max_idle);
  };
  return now_ >= patience_ends() && established() == std::ranges::count_if(connections_, closing);
}

/// More connections are open than there may be.
bool Model::is_surplus() const {
  const auto open = std::count_if(connections_.begin(), connections_.end(), [](const Connection& it) {
    return it.state != State::none && it.state != State::dying;
  });
  return open > options_.max_size;
}

void Model::give(ConnectionId connection, std::uint64_t ticket, pool::HolderId holder) {
  if (!is(connection, State::idle)) {
    return violate("I2 ownership", fmt::format("connection {}.{} was granted, and is not idle",
                                               connection.slot, connection.generation));
  }
  Connection& given = connections_[connection.slot];
  require(in_batch_ || given.epoch == epoch_, "I8 recovery", "connection {} of an ended epoch was granted",
          connection.slot);
  require(in_batch_ || !expired_surely(given), "I11 limits hold",
          "connection {} was granted after its max_lifetime", connection.slot);
  for (std::size_t i = idle_.size(); !in_batch_ && i-- > 0 && idle_[i] != connection.slot;) {
    const std::uint32_t hotter = idle_[i];  // passed over: it must be too old
    if (hotter == subject_ && (connections_[hotter].epoch < epoch_ || is_surplus()))
      continue;  // it came back unfit: its close action follows
    require(expired_perhaps(connections_[hotter]), "I10 order",
            "connection {} was granted before {}, used later", connection.slot, hotter);
    connections_[hotter].verdict = CloseReason::lifetime;
    enter(hotter, State::condemned);
  }
  enter(connection.slot, State::leased);
  given.ticket = ticket;
  given.holder = holder;
  given.leased_as = ++leases_and_waits_;
}

void Model::grant(WaiterId waiter, ConnectionId connection) {
  const auto asked = std::find_if(granted_.begin(), granted_.end(), [&](const Grant& it) {
    return !it.told && it.waiter == waiter && it.connection == connection;
  });
  if (asked != granted_.end()) {  // another driver of its run
    asked->told = true;
    return;
  }
  require(!suspended_ || in_batch_, "I10 order", "a grant while suspended");
  require(!closed_ || in_batch_, "I9 nothing left", "a grant after close");
  const std::size_t position = position_of(waiter);
  if (position == queue_.size()) {
    return violate("I4 one outcome", fmt::format("waiter {}.{} is granted a connection, and does not wait",
                                                 waiter.slot, waiter.generation));
  }
  served_ = true;
  const Waiter& served = queue_[position];
  give(connection, served.ticket, served.is_statement ? pool::unknown_holder : served.holder);
  connections_[connection.slot].waited = true;
  const std::size_t due = in_batch_ ? position : choose();
  require(position == due, "I10 order", "waiter {}.{} is granted a connection, number {} was due",
          waiter.slot, waiter.generation, due);
  granted_.push_back({waiter, connection});
  if (!queue_[position].is_statement) return dequeue(position);
  begin_run(position, connection);
  // Within a batch it may have been cancelled since, and its place in the run with it.
  if (const std::size_t rest = position_of(waiter); rest < queue_.size()) dequeue(rest);
}

void Model::dequeue(std::size_t position) {
  totals_.requests_wait += now_ - queue_[position].since;
  queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(position));
}

}  // namespace copg::sim
