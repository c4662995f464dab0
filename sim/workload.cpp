// What happens next: who asks for what, what ends, and how the server fares.
#include "sim/workload.hpp"

#include <algorithm>
#include <utility>

namespace copg::sim {

using namespace std::chrono_literals;
using pool::ActionKind;
using pool::ConnectFailure;
using pool::Disposition;
using pool::Duration;
using pool::TimePoint;

Input Workload::at(InputKind kind, TimePoint time) {
  now_ = std::max(now_, time);
  Input input;
  input.kind = kind;
  input.now = now_;
  if (jump_ > 0 && kind == InputKind::tick && dice_.permille(10 * jump_)) {
    now_ += dice_.between(0ns, 8h);
    input.now = now_;
  } else if (jump_ > 0 && dice_.permille(jump_)) {
    input.now -= dice_.between(0ns, 8h);
  }
  return input;
}

Input Workload::next(const Harness& harness) {
  if (harness.holding()) return command(harness);
  const auto& granted = harness.model().granted();
  if (!granted.empty() && !dice_.permille(100)) return take_up(granted.front());
  if (noise_ > 0 && dice_.permille(noise_)) return noise(harness);
  TimePoint time = harness.next_deadline();
  Source source = Source::tick;
  std::uint32_t slot = 0;
  for (std::uint32_t i = 0; i < due_.size(); ++i) {
    if (due_[i] >= time) continue;
    time = due_[i];
    slot = i;
    source = Source::connection;
  }
  const auto consider = [&](TimePoint other, Source whose) {
    if (ending_ || recovering_ || other >= time) return;
    time = other;
    source = whose;
  };
  consider(next_arrival_, Source::arrival);
  consider(next_world_, Source::world);
  consider(next_command_, Source::command);
  if (time == pool::never) return at(InputKind::tick, now_ + 1h);
  now_ = std::max(now_, time);
  switch (source) {
    case Source::arrival: return arrive(harness);
    case Source::world: return world(harness);
    case Source::command: return command(harness);
    case Source::tick: return at(InputKind::tick, now_);
    case Source::connection: break;
  }
  return finish(slot, harness);
}

/// The caller whose waiter was granted a connection wakes up, or has given up in the meantime.
Input Workload::take_up(const Model::Grant& grant) {
  Input input = at(dice_.permille(cancel_) ? InputKind::cancel : InputKind::accept, now_);
  input.slot = grant.waiter.slot;
  input.generation = grant.waiter.generation;
  return input;
}

/// Who arrives: often nobody knows; or else somebody new, or somebody who has a lease already.
pool::HolderId Workload::holder(const Model& model) {
  if (!dice_.permille(known_)) return pool::unknown_holder;
  if (dice_.permille(nested_)) {
    const auto& connections = model.connections();
    return connections[dice_.below(static_cast<std::uint32_t>(connections.size()))].holder;
  }
  return ++last_holder_;
}

Input Workload::arrive(const Harness& harness) {
  if (burst_ == 0 && dice_.permille(10)) burst_ = dice_.between(5, 60);
  if (burst_ > 0) {
    --burst_;
  } else {
    next_arrival_ = now_ + dice_.between(0ns, 2 * arrival_gap_);
  }
  Input input = at(InputKind::acquire, now_);
  if (dice_.permille(statements_)) {
    input.kind = InputKind::acquire_statement;
    input.statement = statement();
  } else if (other_dice_.permille(tries_)) {
    input.kind = InputKind::try_acquire;
  }
  input.deadline = now_ + (dice_.permille(20) ? Duration(0) : dice_.between(1ns, patience_));
  if (dice_.permille(10)) input.deadline = pool::never;
  input.hold = dice_.permille(hold_lock_);
  // Of several inputs under one lock the model does not see in which order leases and waits begin.
  if (!harness.holding()) input.holder = holder(harness.model());
  return input;
}

Disposition Workload::lease_ending() {
  if (dead_epoch_ && dice_.permille(300)) return Disposition::broken;
  const std::uint32_t roll = dice_.below(1000);
  if (roll < needs_reset_) return Disposition::needs_reset;
  if (roll < needs_reset_ + discard_) return Disposition::discard;
  if (roll < needs_reset_ + discard_ + broken_)
    return dice_.permille(700) ? Disposition::broken : Disposition::demoted;
  return Disposition::clean;
}

Disposition Workload::background_ending() {
  const Disposition ending = lease_ending();
  return ending == Disposition::needs_reset ? Disposition::clean : ending;
}

/// What was asked of a connection is over; or its lease is.
Input Workload::finish(std::uint32_t slot, const Harness& harness) {
  const Model::Connection& connection = harness.model().connections()[slot];
  due_[slot] = pool::never;
  const auto about = [&](InputKind kind) {
    Input input = at(kind, now_);
    input.slot = slot;
    input.generation = connection.generation;
    return input;
  };
  switch (connection.state) {
    case Model::State::connecting: {
      if (server_ == Server::well && !dice_.permille(discard_ / 4)) return about(InputKind::on_connected);
      Input input = about(InputKind::on_connect_failed);
      if (server_ == Server::overloaded) input.failure = ConnectFailure::overloaded;
      if (server_ == Server::misconfigured) input.failure = ConnectFailure::configuration;
      if (server_ == Server::down && near_) input.failure = ConnectFailure::refused_near;
      return input;
    }
    case Model::State::leased: {
      for (const Model::Grant& grant : harness.model().granted()) {
        if (grant.connection.slot != slot) continue;
        due_[slot] = now_ + dice_.between(0ns, 2 * hold_);
        return take_up(grant);  // nobody returns what nobody took
      }
      if (!connection.run.empty()) return run_on(slot, connection, about(InputKind::send_next));
      if (alone_[slot]) return alone_on(slot, connection, about(InputKind::release));
      if (dice_.permille(broken_ / 2) && !ending_) {
        Input input = about(InputKind::reacquire);
        input.holder = connection.holder;
        input.deadline = now_ + dice_.between(1ns, patience_);
        return input;
      }
      Input input = about(InputKind::release);
      input.disposition = lease_ending();
      input.hold = dice_.permille(hold_lock_);
      if (other_dice_.permille(detached_)) input.kind = InputKind::detach;
      return input;
    }
    case Model::State::resetting:
    case Model::State::checking: {
      Input input = about(connection.state == Model::State::resetting ? InputKind::on_reset_done
                                                                      : InputKind::on_check_done);
      input.disposition = background_ending();
      if (connection.hung_up && !dice_.permille(100))
        input.disposition = dice_.permille(500) ? Disposition::lost : Disposition::broken;
      return input;
    }
    case Model::State::dying: return about(InputKind::on_closed);
    case Model::State::idle:
      if (!hangs_up_[slot]) break;
      hangs_up_[slot] = false;
      return about(InputKind::on_hung_up);
    case Model::State::none:
    case Model::State::soiled:
    case Model::State::condemned: break;
  }
  return at(InputKind::tick, now_);
}

/// A run goes on: its driver sends, reads an answer, hands on, or finds the connection dead.
Input Workload::run_on(std::uint32_t slot, const Model::Connection& connection, Input input) {
  const auto& run = connection.run;
  const auto sent = static_cast<std::uint32_t>(
      std::count_if(run.begin(), run.end(), [](const auto& it) { return it.sent; }));
  due_[slot] = now_;
  if (!ending_ && dice_.permille(5 + broken_ / 2)) {
    input.kind = InputKind::release;
    input.disposition = dice_.permille(800) ? Disposition::broken : lease_ending();
    input.never_sent = dice_.permille(500) ? dice_.below(sent + 1) : 0;
    return input;
  }
  if (sent > 0 && dice_.permille(100)) {
    input.kind = InputKind::hand_on;
    return input;
  }
  if (sent < run.size() && (sent == 0 || !dice_.permille(200))) return input;
  const Model::Member& first = run.front();
  input.kind = InputKind::on_answered;
  input.slot = first.id.slot;
  input.generation = first.id.generation;
  input.took = time_of(first.statement);
  if (run.size() > 1) due_[slot] = now_ + time_of(run[1].statement);
  return input;
}

/// A statement that was granted a connection at once: it finds it dead, or is answered; then it is released.
Input Workload::alone_on(std::uint32_t slot, const Model::Connection& connection, Input input) {
  input.statement = *std::exchange(alone_[slot], std::nullopt);
  input.generation = connection.generation;
  if (!ending_ && !recovering_ && dice_.permille(broken_ / 2)) {
    input.kind = InputKind::reacquire_statement;
    input.deadline = now_ + dice_.between(1ns, patience_);
    return input;
  }
  due_[slot] = now_;
  input.kind = InputKind::on_alone_answered;
  input.took = time_of(input.statement);
  return input;
}

void Workload::change_world() {
  next_world_ = now_ + dice_.between(0ns, 2 * world_gap_);
  const bool was_well = server_ == Server::well;
  server_ = static_cast<Server>(dice_.permille(500) ? 0 : dice_.between(1, 4));
  dead_epoch_ = was_well && server_ == Server::down;
}

/// The server changes, and may hang up: on all that are idle when it goes down, or else on any one.
Input Workload::world(const Harness& harness) {
  change_world();
  Input input = at(InputKind::tick, now_);
  if (!dice_.permille(hang_up_)) return input;
  const auto& connections = harness.model().connections();
  if (dead_epoch_) {
    for (std::uint32_t slot = 0; slot < connections.size(); ++slot) {
      if (connections[slot].state != Model::State::idle) continue;
      hangs_up_[slot] = true;
      due_[slot] = now_ + dice_.between(0ns, 50ms);
    }
    return input;
  }
  input.kind = InputKind::on_hung_up;
  input.slot = dice_.below(static_cast<std::uint32_t>(connections.size()));
  input.generation = connections[input.slot].generation;
  return input;
}

/// One of those that wait, or travel.
void Workload::cancel_one(const Model& model, Input& input) {
  std::size_t choice = model.queue().size();
  for (const auto& connection : model.connections()) choice += connection.run.size();
  if (choice == 0) return;
  choice = dice_.below(static_cast<std::uint32_t>(choice));
  const auto point_at = [&](pool::WaiterId id) {
    input.slot = id.slot;
    input.generation = id.generation;
  };
  if (choice < model.queue().size()) return point_at(model.queue()[choice].id);
  choice -= model.queue().size();
  for (const auto& connection : model.connections()) {
    if (choice < connection.run.size()) return point_at(connection.run[choice].id);
    choice -= connection.run.size();
  }
}

Input Workload::command(const Harness& harness) {
  const auto& queue = harness.model().queue();
  next_command_ = now_ + dice_.between(0ns, 2 * command_gap_);
  Input input = at(InputKind::cancel, now_);
  input.hold = dice_.permille(hold_lock_);
  if (!queue.empty() && dice_.permille(cancel_)) {
    cancel_one(harness.model(), input);
    if (dice_.permille(700)) next_command_ = now_;  // a storm
    return input;
  }
  switch (dice_.below(recovering_ || ending_ ? 3 : 10)) {
    case 0: input.kind = InputKind::resume; break;
    case 1: input.kind = InputKind::check_all; break;
    case 2: input.kind = InputKind::drain; break;
    case 3:
      input.kind = InputKind::suspend;
      next_command_ = now_ + dice_.between(0ns, arrival_gap_ * 8);
      break;
    case 4:
    case 5:
      input.kind = InputKind::resize;
      input.max_size = dice_.between(std::max(1U, options_.min_idle), 16);
      input.min_size = dice_.between(0, input.max_size);
      input.hold = false;
      break;
    case 6:
      if (dice_.permille(500)) {
        input.kind = InputKind::set_holder;
        input.holder = dice_.permille(500) ? pool::unknown_holder : holder(harness.model());
        input.slot = dice_.below(static_cast<std::uint32_t>(harness.model().connections().size()));
        input.generation = harness.model().connections()[input.slot].generation;
        break;
      }
      input.kind = dice_.permille(500) ? InputKind::awaited : InputKind::unawaited;
      break;
    case 7:
      if (dice_.permille(900)) return arrive(harness);
      input.kind = harness.core().closed() ? InputKind::cut : InputKind::close;
      break;
    default:
      if (queue.empty()) return arrive(harness);
      cancel_one(harness.model(), input);
      break;
  }
  return input;
}

/// Something that must have no effect: an id of the past, an answer nobody waits for, a second release.
Input Workload::noise(const Harness& harness) {
  constexpr InputKind kinds[] = {InputKind::on_connected,  InputKind::on_connect_failed,
                                 InputKind::on_reset_done, InputKind::on_check_done,
                                 InputKind::on_closed,     InputKind::on_hung_up,
                                 InputKind::release,       InputKind::accept,
                                 InputKind::cancel,        InputKind::send_next,
                                 InputKind::hand_on,       InputKind::on_answered,
                                 InputKind::tick};
  Input input = at(kinds[dice_.below(13)], now_);
  const bool about_a_waiter = input.kind == InputKind::accept || input.kind == InputKind::cancel ||
                              input.kind == InputKind::on_answered;
  const bool about_a_lease = input.kind == InputKind::release || input.kind == InputKind::send_next ||
                             input.kind == InputKind::hand_on;
  const auto& connections = harness.model().connections();
  input.slot = dice_.below(static_cast<std::uint32_t>(connections.size()) + 1);
  input.disposition = static_cast<Disposition>(dice_.permille(500) ? 0 : dice_.between(2, 5));
  if (input.slot == connections.size()) {
    input.generation = dice_.below(3);
    if (about_a_waiter) input.slot = 1U << 20;
    return input;
  }
  const Model::Connection& connection = connections[input.slot];
  input.generation = connection.generation;
  const bool leased = connection.state == Model::State::leased;
  const bool fits = about_a_waiter || (about_a_lease && leased) ||
                    (input.kind == InputKind::on_closed && connection.state == Model::State::dying) ||
                    input.kind == InputKind::on_hung_up || connection.state == Model::State::connecting ||
                    connection.state == Model::State::resetting || connection.state == Model::State::checking;
  if (fits && input.generation > 0) --input.generation;  // not this one, but the one before
  return input;
}

void Workload::observe(const Harness& harness, const Input& last) {
  if (due_.size() < harness.model().connections().size())
    due_.resize(harness.model().connections().size(), pool::never);
  if (alone_.size() < due_.size()) alone_.resize(due_.size());
  if (hangs_up_.size() < due_.size()) hangs_up_.resize(due_.size());
  const auto lease_ends = [this] { return now_ + dice_.between(0ns, 2 * hold_); };
  const bool statement =
      last.kind == InputKind::acquire_statement || last.kind == InputKind::reacquire_statement;
  const bool asked = last.kind == InputKind::acquire || last.kind == InputKind::reacquire || statement;
  std::optional<std::uint32_t> leased;
  if (asked && harness.acquired().kind == pool::Acquired::Kind::granted)
    leased = harness.acquired().connection.slot;
  if (last.kind == InputKind::try_acquire && harness.tried()) leased = harness.tried()->slot;
  if (leased) {
    const std::uint32_t slot = *leased;
    due_[slot] = lease_ends();
    alone_[slot].reset();
    if (statement) {
      alone_[slot] = last.statement;
      due_[slot] = now_ + time_of(last.statement);
    }
  }
  for (const pool::Action& action : harness.actions()) {
    const std::uint32_t slot = action.connection.slot;
    switch (action.kind) {
      case ActionKind::open:
        due_[slot] = now_ + (server_ == Server::hung ? connect_timeout : dice_.between(0ns, connect_time_));
        break;
      case ActionKind::close: due_[slot] = now_ + dice_.between(0ns, close_time_); break;
      case ActionKind::reset:
      case ActionKind::check: due_[slot] = now_ + dice_.between(0ns, reset_time_); break;
      case ActionKind::grant:
        due_[slot] = harness.model().connections()[slot].run.empty() ? lease_ends() : now_;
        alone_[slot].reset();
        break;
      case ActionKind::fail:
      case ActionKind::report_outage: break;
    }
  }
}

}  // namespace copg::sim
