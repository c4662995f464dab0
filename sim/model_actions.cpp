// The model's judgement of what the core has decided, action by action.
#include "sim/model.hpp"

namespace copg::sim {

using pool::ConnectionId;
using pool::WaiterId;
using pool::WaitError;

void Model::on_action(const pool::Action& action) {
  const ConnectionId id = action.connection;
  switch (action.kind) {
    case pool::ActionKind::open: return open(id);
    case pool::ActionKind::close: return close(id, action.reason);
    case pool::ActionKind::reset:
      if (!is(id, State::soiled))
        return violate("I6 clean lease", fmt::format("reset of {}.{}, not soiled", id.slot, id.generation));
      return enter(id.slot, State::resetting);
    case pool::ActionKind::check: {
      if (!is(id, State::idle))
        return violate("I2 ownership", fmt::format("check of {}.{}, not idle", id.slot, id.generation));
      const auto coldest =
          std::find_if(idle_.begin(), idle_.end(), [this](auto slot) { return connections_[slot].marked; });
      require(connections_[id.slot].hung_up || (coldest != idle_.end() && *coldest == id.slot), "I10 order",
              "check of {}.{}, not the coldest marked", id.slot, id.generation);
      connections_[id.slot].idle_since = connections_[id.slot].since;
      return enter(id.slot, State::checking);
    }
    case pool::ActionKind::grant: return grant(action.waiter, id);
    case pool::ActionKind::fail: return fail(action.waiter, action.error);
    case pool::ActionKind::report_outage:
      ++reports_;
      return require(outage_.failures > 0 && now_ >= outage_.next_report, "I8 recovery",
                     "an outage was reported before reconnect_timeout");
  }
}

void Model::open(ConnectionId id) {
  require(!closed_, "I9 nothing left", "open after close");
  if (id.slot >= connections_.size() || connections_[id.slot].state != State::none) {
    return violate("I2 ownership",
                   fmt::format("open of {}.{} in a slot that is in use", id.slot, id.generation));
  }
  Connection& connection = connections_[id.slot];
  require(id.generation > connection.generation, "I13 identity", "open of {}.{}, an id used before", id.slot,
          id.generation);
  connection = Connection{.generation = id.generation, .epoch = epoch_};
  enter(id.slot, State::connecting);
  ++totals_.connections_num;
  ++opens_;
}

void Model::close(ConnectionId id, CloseReason reason) {
  if (id.slot >= connections_.size() || connections_[id.slot].generation != id.generation ||
      connections_[id.slot].state == State::none || connections_[id.slot].state == State::dying) {
    return violate("I2 ownership", fmt::format("close of {}.{}, which is not open", id.slot, id.generation));
  }
  judge_reason(connections_[id.slot], id.slot, reason);
  enter(id.slot, State::dying);
}

void Model::judge_reason(const Connection& connection, std::uint32_t slot, CloseReason reason) {
  const auto expect = [&](bool holds) {
    require(holds, "I11 limits hold", "connection {} is closed without the reason given ({})", slot,
            static_cast<int>(reason));
  };
  if (connection.state == State::condemned) return expect(reason == connection.verdict);
  if (reason == CloseReason::pool_closed) return expect(closed_);
  if (in_batch_) return;
  const bool settled = connection.state == State::idle || connection.state == State::soiled;
  switch (reason) {
    case CloseReason::stale_epoch:
      return expect(settled && connection.epoch < epoch_ && connection.epoch > drained_epoch_);
    case CloseReason::drained: return expect(settled && connection.epoch <= drained_epoch_);
    case CloseReason::lifetime: return expect(settled && expired_perhaps(connection));
    case CloseReason::surplus: {
      const auto open = std::count_if(connections_.begin(), connections_.end(), [](const Connection& it) {
        return it.state != State::none && it.state != State::dying;
      });
      require(slot == subject_ || connection.state != State::idle || slot == idle_.front(), "I10 order",
              "connection {} is closed before a colder one", slot);
      return expect((settled || connection.state == State::connecting) && open > options_.max_size);
    }
    case CloseReason::idle:
      require(!idle_.empty() && slot == idle_.front(), "I10 order",
              "connection {} is closed before a colder one", slot);
      return expect(connection.state == State::idle && now_ - connection.since >= options_.max_idle &&
                    idle_.size() > options_.min_idle && established() > options_.min_size);
    case CloseReason::discarded:
    case CloseReason::broken:
    case CloseReason::demoted:
    case CloseReason::detached:
    case CloseReason::pool_closed: return expect(false);
  }
}

void Model::fail(WaiterId waiter, WaitError error) {
  const auto due = std::find_if(due_.begin(), due_.end(),
                                [&](const Due& it) { return it.waiter == waiter && it.error == error; });
  if (due != due_.end()) {
    due_.erase(due);
    return;
  }
  if (const auto place = place_of(waiter)) {
    auto& run = connections_[place->slot].run;
    const Member& member = run[place->position];
    require(error == WaitError::timeout && !member.sent && !member.drives && member.deadline <= now_,
            "I4 one outcome", "statement {}.{} fails without the reason given ({})", waiter.slot,
            waiter.generation, static_cast<int>(error));
    run.erase(run.begin() + static_cast<std::ptrdiff_t>(place->position));
    ++totals_.requests_errors;
    return;
  }
  const std::size_t position = position_of(waiter);
  if (position == queue_.size()) {
    return violate("I4 one outcome",
                   fmt::format("waiter {}.{} fails, and does not wait", waiter.slot, waiter.generation));
  }
  if (error == WaitError::deadlock && !in_batch_) {
    const auto younger = std::find_if(queue_.begin() + static_cast<std::ptrdiff_t>(position) + 1,
                                      queue_.end(), [this](const Waiter& it) { return holds(it); });
    require(deadlocked() && holds(queue_[position]) && younger == queue_.end(), "I4 one outcome",
            "waiter {}.{} fails by a deadlock that it is not the last to wait in", waiter.slot,
            waiter.generation);
  }
  const bool reasonable = error == WaitError::deadlock || (error == WaitError::closed && closed_) ||
                          (error == WaitError::timeout && queue_[position].deadline <= now_) ||
                          (error == WaitError::connect_failed && out_of_patience_perhaps()) ||
                          (error == WaitError::connect_failed && outage_.failures > 0 && established() == 0 &&
                           outage_.last == pool::ConnectFailure::configuration);
  require(reasonable, "I4 one outcome", "waiter {}.{} fails without the reason given ({})", waiter.slot,
          waiter.generation, static_cast<int>(error));
  ++totals_.requests_errors;
  dequeue(position);
}

}  // namespace copg::sim
