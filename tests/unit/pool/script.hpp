// A pool core in a test, told what happens line by line. The simulator's model looks on: every line of every
// script is also checked against all invariants.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "sim/harness.hpp"

namespace copg::pool {

inline std::ostream& operator<<(std::ostream& out, const Action& action) {
  constexpr const char* kinds[] = {"open", "close", "reset", "check", "grant", "fail", "report_outage"};
  out << kinds[static_cast<int>(action.kind)];
  if (action.waiter.generation > 0)
    out << " waiter " << action.waiter.slot << '.' << action.waiter.generation;
  if (action.connection.generation > 0)
    out << ' ' << action.connection.slot << '.' << action.connection.generation;
  if (action.kind == ActionKind::close) out << " reason " << static_cast<int>(action.reason);
  if (action.kind == ActionKind::fail) out << " error " << static_cast<int>(action.error);
  return out;
}

}  // namespace copg::pool

namespace copg::test {

using namespace std::chrono_literals;
using pool::Acquired;
using pool::Action;
using pool::ActionKind;
using pool::Cancelled;
using pool::ConnectFailure;
using pool::ConnectionId;
using pool::CoreOptions;
using pool::Disposition;
using pool::Duration;
using pool::TimePoint;
using pool::WaiterId;
using pool::WaitError;
using Actions = std::vector<Action>;

inline Action open(ConnectionId id) { return {.kind = ActionKind::open, .connection = id}; }
inline Action close(ConnectionId id, CloseReason why) {
  return {.kind = ActionKind::close, .connection = id, .reason = why};
}
inline Action reset(ConnectionId id) { return {.kind = ActionKind::reset, .connection = id}; }
inline Action check(ConnectionId id) { return {.kind = ActionKind::check, .connection = id}; }
inline Action grant(WaiterId waiter, ConnectionId id) {
  return {.kind = ActionKind::grant, .connection = id, .waiter = waiter};
}
inline Action fail(WaiterId waiter, WaitError error) {
  return {.kind = ActionKind::fail, .waiter = waiter, .error = error};
}

class Script {
 public:
  explicit Script(const CoreOptions& options) : harness_(options) { tick(); }

  // Time.
  void pass(Duration time) { now_ += time; }
  [[nodiscard]] TimePoint now() const { return now_; }
  /// Ticks whenever the core asks for it, until `time` has passed. Answers nothing. Returns the number of
  /// ticks.
  int run(Duration time) {
    const TimePoint end = now_ + time;
    int ticks = 0;
    Actions all;
    while (harness_.next_deadline() <= end && ticks < 1'000'000 && !broken()) {
      now_ = std::max(now_, harness_.next_deadline());
      tick();
      ++ticks;
      all.insert(all.end(), actions_.begin(), actions_.end());
    }
    now_ = end;
    actions_ = all;
    return ticks;
  }

  // Commands.
  Acquired acquire(Duration patience = 30s, pool::HolderId holder = pool::unknown_holder) {
    input(sim::InputKind::acquire).deadline = now_ + patience;
    input_.holder = holder;
    apply();
    return harness_.acquired();
  }
  std::optional<ConnectionId> try_acquire(pool::HolderId holder = pool::unknown_holder) {
    input(sim::InputKind::try_acquire).holder = holder;
    apply();
    return harness_.tried();
  }
  Acquired reacquire(ConnectionId id, Duration patience = 30s) {
    about(sim::InputKind::reacquire, id).deadline = now_ + patience;
    apply();
    return harness_.acquired();
  }
  std::optional<ConnectionId> accept(WaiterId waiter) {
    about(sim::InputKind::accept, waiter);
    apply();
    return harness_.accepted();
  }
  Cancelled cancel(WaiterId waiter) {
    about(sim::InputKind::cancel, waiter);
    apply();
    return harness_.cancelled();
  }
  bool release(ConnectionId id, Disposition disposition = Disposition::clean) {
    about(sim::InputKind::release, id).disposition = disposition;
    apply();
    return harness_.released();
  }
  bool detach(ConnectionId id) {
    about(sim::InputKind::detach, id);
    apply();
    return harness_.released();
  }
  void set_holder(ConnectionId id, pool::HolderId holder) {
    about(sim::InputKind::set_holder, id).holder = holder;
    apply();
  }
  // Statements.
  Acquired acquire_statement(pool::Statement statement, Duration patience = 30s,
                             pool::HolderId holder = pool::unknown_holder) {
    input(sim::InputKind::acquire_statement).deadline = now_ + patience;
    input_.holder = holder;
    input_.statement = statement;
    apply();
    return harness_.acquired();
  }
  Acquired reacquire_statement(ConnectionId id, pool::Statement statement) {
    about(sim::InputKind::reacquire_statement, id).deadline = now_ + 30s;
    input_.statement = statement;
    apply();
    return harness_.acquired();
  }
  std::optional<WaiterId> send_next(ConnectionId id) {
    about(sim::InputKind::send_next, id);
    apply();
    return harness_.sent();
  }
  bool hand_on(ConnectionId id) {
    about(sim::InputKind::hand_on, id);
    apply();
    return harness_.handed_on();
  }
  /// True if its caller still waits.
  bool answered(WaiterId waiter, Duration took = 100us) {
    about(sim::InputKind::on_answered, waiter).took = took;
    apply();
    return harness_.wanted();
  }
  /// One that was granted a connection at once.
  void answered(pool::Statement statement, Duration took) {
    input(sim::InputKind::on_alone_answered).took = took;
    input_.statement = statement;
    apply();
  }
  /// The run of a connection is not over: the last `never_sent` of what was to be sent were not.
  bool lose(ConnectionId id, std::uint32_t never_sent = 0) {
    about(sim::InputKind::release, id).disposition = Disposition::broken;
    input_.never_sent = never_sent;
    apply();
    return harness_.released();
  }
  void resize(std::uint32_t min_size, std::uint32_t max_size) {
    input(sim::InputKind::resize).min_size = min_size;
    input_.max_size = max_size;
    apply();
  }
  void check_all() { command(sim::InputKind::check_all); }
  void drain() { command(sim::InputKind::drain); }
  void suspend() { command(sim::InputKind::suspend); }
  void resume() { command(sim::InputKind::resume); }
  void set_awaited(bool awaited) { command(awaited ? sim::InputKind::awaited : sim::InputKind::unawaited); }
  void close() { command(sim::InputKind::close); }
  void cut() { command(sim::InputKind::cut); }

  // Inputs.
  void tick() { command(sim::InputKind::tick); }
  void connected(ConnectionId id) { answer(sim::InputKind::on_connected, id); }
  void connect_failed(ConnectionId id, ConnectFailure failure = ConnectFailure::transient) {
    about(sim::InputKind::on_connect_failed, id).failure = failure;
    apply();
  }
  void reset_done(ConnectionId id, Disposition disposition = Disposition::clean) {
    about(sim::InputKind::on_reset_done, id).disposition = disposition;
    apply();
  }
  void check_done(ConnectionId id, Disposition disposition = Disposition::clean) {
    about(sim::InputKind::on_check_done, id).disposition = disposition;
    apply();
  }
  void hung_up(ConnectionId id) { answer(sim::InputKind::on_hung_up, id); }
  void closed(ConnectionId id) { answer(sim::InputKind::on_closed, id); }

  // What is asked of the shell.
  /// What the last line led to.
  [[nodiscard]] const Actions& actions() const { return actions_; }
  /// The connections that such actions of the last line name.
  [[nodiscard]] std::vector<ConnectionId> named(ActionKind kind) const {
    std::vector<ConnectionId> ids;
    for (const Action& action : actions_) {
      if (action.kind == kind) ids.push_back(action.connection);
    }
    return ids;
  }
  [[nodiscard]] std::size_t count(ActionKind kind) const { return named(kind).size(); }
  [[nodiscard]] std::vector<ConnectionId> in_state(sim::Model::State state) const {
    std::vector<ConnectionId> ids;
    const auto& all = harness_.model().connections();
    for (std::uint32_t slot = 0; slot < all.size(); ++slot) {
      if (all[slot].state == state) ids.push_back({slot, all[slot].generation});
    }
    return ids;
  }
  /// Who travels on a connection.
  [[nodiscard]] std::vector<WaiterId> run(ConnectionId id) const {
    std::vector<WaiterId> run;
    for (std::uint32_t i = 0; i < core().run_size(id); ++i) run.push_back(core().run_member(id, i));
    return run;
  }
  [[nodiscard]] PoolStats stats() const { return harness_.core().stats(); }
  [[nodiscard]] const pool::PoolCore& core() const { return harness_.core(); }
  [[nodiscard]] TimePoint next_deadline() const { return harness_.next_deadline(); }
  [[nodiscard]] bool broken() const { return harness_.model().violation().has_value(); }

  // Shorthand.
  /// Every connect in flight succeeds, and those that it leads to, until none is left.
  void connect_all() {
    for (auto ids = in_state(sim::Model::State::connecting); !ids.empty() && !broken();
         ids = in_state(sim::Model::State::connecting)) {
      connected(ids.front());
    }
  }
  /// Every close that was asked for is done, and those that it leads to.
  void close_all() {
    for (auto ids = in_state(sim::Model::State::dying); !ids.empty() && !broken();
         ids = in_state(sim::Model::State::dying)) {
      closed(ids.front());
    }
  }
  /// Acquires a connection that must be idle.
  ConnectionId lease(pool::HolderId holder = pool::unknown_holder) {
    const Acquired answer = acquire(30s, holder);
    EXPECT_EQ(answer.kind, Acquired::Kind::granted);
    return answer.connection;
  }
  /// Asks for a statement that must wait.
  WaiterId ask(pool::Statement statement, Duration patience = 30s) {
    const Acquired answer = acquire_statement(statement, patience);
    EXPECT_EQ(answer.kind, Acquired::Kind::queued);
    return answer.waiter;
  }
  /// Sends all that travel on a connection.
  std::vector<WaiterId> send_all(ConnectionId id) {
    std::vector<WaiterId> sent;
    for (auto next = send_next(id); next; next = send_next(id)) sent.push_back(*next);
    return sent;
  }
  /// Acquires a connection that must not be idle.
  WaiterId wait(Duration patience = 30s, pool::HolderId holder = pool::unknown_holder) {
    const Acquired answer = acquire(patience, holder);
    EXPECT_EQ(answer.kind, Acquired::Kind::queued);
    return answer.waiter;
  }

 private:
  sim::Input& input(sim::InputKind kind) {
    input_ = sim::Input{};
    input_.kind = kind;
    input_.now = now_;
    return input_;
  }
  template <class Id>
  sim::Input& about(sim::InputKind kind, Id id) {
    input(kind).slot = id.slot;
    input_.generation = id.generation;
    return input_;
  }
  void command(sim::InputKind kind) {
    input(kind);
    apply();
  }
  void answer(sim::InputKind kind, ConnectionId id) {
    about(kind, id);
    apply();
  }
  void apply() {
    if (broken()) return;  // said already
    harness_.apply(input_);
    actions_ = harness_.actions();
    if (broken()) {
      ADD_FAILURE() << "after '" << to_text(input_) << "': " << harness_.model().violation()->invariant
                    << ": " << harness_.model().violation()->text;
    }
  }

  sim::Harness harness_;
  sim::Input input_;
  TimePoint now_{};
  Actions actions_;
};

}  // namespace copg::test
