// The model's account of statements: who travels with whom, who drives, who is held back, and what becomes of
// them when the connection dies.
#include "sim/model.hpp"

namespace copg::sim {

using pool::ConnectionId;
using pool::StatementKind;
using pool::WaiterId;
using pool::WaitError;

std::optional<Model::Place> Model::place_of(WaiterId waiter) const {
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    const auto& run = connections_[slot].run;
    for (std::size_t i = 0; i < run.size(); ++i) {
      if (run[i].id == waiter) return Place{slot, i};
    }
  }
  return std::nullopt;
}

bool Model::is_asked(WaiterId waiter) const {
  return std::any_of(granted_.begin(), granted_.end(), [&](const Grant& it) { return it.waiter == waiter; });
}

bool Model::slow(const Waiter& waiter) const {
  return sharing() && waiter.is_statement && core_.slow_texts().slow(waiter.statement.key);
}

std::uint32_t Model::slow_connections() const {
  return static_cast<std::uint32_t>(
      std::count_if(connections_.begin(), connections_.end(), [](const auto& it) { return it.slow; }));
}

/// All but a quarter of the connections, which is one at least and two at most; never none.
std::uint32_t Model::slow_limit() const {
  const std::uint32_t connections = established();
  if (connections <= 2) return 1;
  return connections - (connections < 8 ? 1 : 2);
}

/// Whom a free connection is due to: the oldest that may go. One that may not is held back from then on; when
/// the first of those is not slow any more, so are the others like it.
std::size_t Model::choose() {
  const auto held = std::find_if(queue_.begin(), queue_.end(), [](const Waiter& it) { return it.held; });
  if (held != queue_.end() && !slow(*held)) {
    for (Waiter& it : queue_) it.held = it.held && slow(it);
  }
  const bool full = slow_connections() >= slow_limit();
  for (std::size_t i = 0; i < queue_.size(); ++i) {
    const bool slow_one = queue_[i].held || slow(queue_[i]);
    if (!slow_one || !full) return i;
    queue_[i].held = true;
  }
  return 0;  // nobody else waits
}

/// Who may travel behind a waiter that is due, itself included.
std::vector<WaiterId> Model::expected_run(std::size_t position) const {
  const Waiter& driver = queue_[position];
  std::vector<WaiterId> run{driver.id};
  if (driver.held || slow(driver) || driver.statement.kind != StatementKind::read) return run;
  std::size_t share = 0;
  for (const Waiter& it : queue_) share += it.is_statement && !it.held ? 1 : 0;
  const std::uint32_t connections = std::max(established(), 1U);
  share = std::min<std::size_t>((share + connections - 1) / connections, options_.share_limit);
  for (std::size_t i = position + 1; i < queue_.size() && run.size() < share; ++i) {
    const Waiter& it = queue_[i];
    if (it.held) continue;
    if (!it.is_statement || it.statement.kind == StatementKind::alone || slow(it)) break;
    run.push_back(it.id);
    if (it.statement.kind == StatementKind::last) break;
  }
  return run;
}

/// The statement at that place of the queue drives the connection, and others travel with it.
void Model::begin_run(std::size_t position, ConnectionId id) {
  Connection& connection = connections_[id.slot];
  const Waiter driver = queue_[position];
  connection.slow = driver.held || slow(driver);
  if (connection.slow) {
    ++totals_.statements_isolated;
    const bool alone = std::all_of(queue_.begin(), queue_.end(), [](const Waiter& it) { return it.held; });
    const auto others = slow_connections() - 1;
    require(in_batch_ || others < slow_limit() || alone, "S3 slow apart",
            "a slow statement was granted connection {} while others wait, and {} have slow ones already",
            id.slot, others);
  }
  const auto expected = in_batch_ ? std::vector<WaiterId>{} : expected_run(position);
  const std::uint32_t size = core_.run_size(id);
  for (std::uint32_t i = 0; i < size; ++i) {
    const WaiterId member = core_.run_member(id, i);
    const std::size_t place = position_of(member);
    if (place == queue_.size()) {
      return violate("I4 one outcome", fmt::format("{}.{} travels in a run, and does not wait", member.slot,
                                                   member.generation));
    }
    const Waiter& it = queue_[place];
    connection.run.push_back({.id = it.id,
                              .ticket = it.ticket,
                              .deadline = it.deadline,
                              .statement = it.statement,
                              .holder = it.holder,
                              .drives = it.id == driver.id});
    dequeue(place);
  }
  if (!in_batch_) judge_run(connection, expected);
  if (size < 2) return;
  ++totals_.runs_num;
  totals_.statements_shared += size;
  totals_.runs_largest = std::max<std::uint64_t>(totals_.runs_largest, size);
}

void Model::judge_run(const Connection& connection, const std::vector<WaiterId>& expected) {
  const auto& run = connection.run;
  require(run.size() <= std::max(options_.share_limit, 1U), "S1 fair share",
          "{} statements travel together, share_limit is {}", run.size(), options_.share_limit);
  for (std::size_t i = 0; i + 1 < run.size(); ++i) {
    require(run[i].statement.kind == StatementKind::read, "S2 nothing behind a last",
            "{} statements travel behind {}.{}, which is no read", run.size() - i - 1, run[i].id.slot,
            run[i].id.generation);
  }
  for (const Member& it : run) {
    const bool alone = it.statement.kind == StatementKind::alone || core_.slow_texts().slow(it.statement.key);
    require(run.size() == 1 || !alone || !sharing(), "S3 slow apart",
            "{}.{} travels with others, and must be alone", it.id.slot, it.id.generation);
  }
  require(run.size() <= expected.size(), "S1 fair share", "{} statements travel together, {} were due",
          run.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    require(i < run.size() && run[i].id == expected[i], "I10 order",
            "statement {}.{} was due to travel as number {} of {}", expected[i].slot, expected[i].generation,
            i + 1, expected.size());
  }
}

// --- cancels

void Model::cancel_member(Place place, const pool::Cancelled& answer) {
  using Kind = pool::Cancelled::Kind;
  Connection& connection = connections_[place.slot];
  Member& member = connection.run[place.position];
  if (member.abandoned)
    return require(answer.kind == Kind::unknown, "I4 one outcome", "a statement was cancelled twice");
  if (!member.sent) {
    require(answer.kind == Kind::cancelled, "I4 one outcome", "an unsent statement did not leave its run");
    connection.run.erase(connection.run.begin() + static_cast<std::ptrdiff_t>(place.position));
    ++totals_.requests_cancelled;
    return;
  }
  member.abandoned = true;
  const bool alone = std::all_of(connection.run.begin(), connection.run.end(),
                                 [](const Member& it) { return it.abandoned; });
  require(answer.kind == Kind::sent && answer.connection == ConnectionId{place.slot, connection.generation},
          "I4 one outcome", "a statement that was sent was cancelled, and the answer is another");
  require(answer.alone == alone, "I4 one outcome",
          "somebody waits for connection {}: {}, and the answer is {}", place.slot, !alone, !answer.alone);
}

/// One that was asked to drive and has not accepted.
void Model::cancel_driver(Place place, const pool::Cancelled& answer) {
  using Kind = pool::Cancelled::Kind;
  Connection& connection = connections_[place.slot];
  Member& member = connection.run[place.position];
  const WaiterId waiter = member.id;
  const bool sent = member.sent;
  std::erase_if(granted_, [&](const Grant& it) { return it.waiter == waiter; });
  if (sent) {
    member.abandoned = true;
  } else {
    connection.run.erase(connection.run.begin() + static_cast<std::ptrdiff_t>(place.position));
  }
  if (!ask_next_driver(place.slot)) {
    return require(
        answer.kind == Kind::granted && answer.connection == ConnectionId{place.slot, connection.generation},
        "I2 ownership", "the last driver of connection {} was cancelled, and nobody has it", place.slot);
  }
  if (!sent) ++totals_.requests_cancelled;
  require(answer.kind == (sent ? Kind::sent : Kind::cancelled) && !answer.alone, "I4 one outcome",
          "a driver was cancelled, another follows, and the answer is neither");
}

// --- what the driver says

bool Model::ask_next_driver(std::uint32_t slot) {
  Connection& connection = connections_[slot];
  for (const Member& it : connection.run) {
    if (is_asked(it.id)) return true;
  }
  for (Member& it : connection.run) {
    if (it.abandoned) continue;
    it.drives = true;
    granted_.push_back({it.id, {slot, connection.generation}, false});
    return true;
  }
  return false;
}

void Model::on_sent(const Input& input, const std::optional<WaiterId>& answer) {
  if (is(input.connection(), State::leased)) {
    for (Member& it : connections_[input.slot].run) {
      if (it.sent) continue;
      it.sent = true;
      return require(answer == it.id, "I10 order", "statement {}.{} was the next to be sent", it.id.slot,
                     it.id.generation);
    }
  }
  require(!answer, "I4 one outcome", "a statement is to be sent on {}.{}, and none is left", input.slot,
          input.generation);
}

void Model::on_handed_on(const Input& input, bool answer) {
  const bool next = is(input.connection(), State::leased) && ask_next_driver(input.slot);
  require(answer == next, "I4 one outcome", "the run of {}.{} was handed on: {}, to somebody: {}", input.slot,
          input.generation, answer, next);
}

void Model::on_answered(const Input& input, bool wanted) {
  const auto place = place_of(input.waiter());
  const bool due = place && connections_[place->slot].run[place->position].sent && !is_asked(input.waiter());
  if (!due)
    return require(!wanted, "I13 identity", "a stale waiter {}.{} was answered", input.slot,
                   input.generation);
  auto& run = connections_[place->slot].run;
  require(wanted == !run[place->position].abandoned, "I4 one outcome", "the answer of {}.{} is wanted: {}",
          input.slot, input.generation, wanted);
  run.erase(run.begin() + static_cast<std::ptrdiff_t>(place->position));
  judge_size(place->slot);
}

void Model::judge_size(std::uint32_t slot) {
  const auto said = core_.run_size({slot, connections_[slot].generation});
  require(said == connections_[slot].run.size(), "I4 one outcome",
          "{} statements travel on connection {}, counted {}", said, slot, connections_[slot].run.size());
}

/// The lease is over: what was never sent waits again, what was is lost.
void Model::end_run(std::uint32_t slot, std::uint32_t never_sent) {
  auto run = std::move(connections_[slot].run);
  connections_[slot].run.clear();
  for (auto it = run.rbegin(); it != run.rend() && never_sent > 0; ++it) {
    if (!it->sent) continue;
    it->sent = false;
    --never_sent;
  }
  for (const Member& it : run) {
    if (is_asked(it.id) || it.abandoned) continue;
    if (it.sent) {
      due_.push_back({it.id, WaitError::lost});
    } else if (closed_) {
      due_.push_back({it.id, WaitError::closed});
      ++totals_.requests_errors;
    } else {
      insert({it.id, it.ticket, it.deadline, now_, true, it.statement, it.holder});
    }
  }
}

// --- the quiet state

void Model::judge_runs(pool::TimePoint next_deadline) {
  require(due_.empty(), "I4 one outcome", "{} statements of an ended run were not told", due_.size());
  for (const Grant& it : granted_) {
    require(it.told, "I4 one outcome", "{}.{} drives, and was not told", it.waiter.slot,
            it.waiter.generation);
  }
  for (Waiter& it : queue_) {
    if (!served_) break;
    if (!it.is_statement) continue;
    if (in_batch_) it.held = core_.held_back(it.id);
    require(it.held == core_.held_back(it.id), "I10 order", "{}.{} is held back: {}, and must be: {}",
            it.id.slot, it.id.generation, !it.held, it.held);
  }
  for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
    const Connection& connection = connections_[slot];
    require(connection.run.empty() || connection.state == State::leased, "I2 ownership",
            "statements travel on connection {}, which is not leased", slot);
    if (!connection.run.empty()) judge_size(slot);
    for (const Member& it : connection.run) {
      if (it.sent || it.drives) continue;
      require(next_deadline <= it.deadline, "I5 deadlines",
              "the next tick is later than the deadline of an unsent statement");
      require(!ticked_ || it.deadline > now_, "I5 deadlines",
              "a statement is in a run after its deadline, and was not sent");
    }
  }
}

}  // namespace copg::sim
