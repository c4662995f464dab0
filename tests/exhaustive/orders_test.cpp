// All orders of events for few waiters and few connections: every invariant after every input, and at the end
// of every order everyone is served and everything is closed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "generator.hpp"
#include "sim/harness.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;
using pool::ConnectFailure;
using pool::Disposition;
using pool::Statement;
using pool::StatementKind;
using sim::Input;
using sim::InputKind;
using State = sim::Model::State;

/// How small the world is, and what may happen in it.
struct Scope {
  pool::CoreOptions options;
  std::uint32_t depth = 6;  // events per order
  std::uint32_t acquires = 2;
  std::vector<Disposition> releases{Disposition::clean};
  std::vector<ConnectFailure> failures{};
  std::vector<InputKind> once{};                              // commands that may happen, each once
  std::vector<Statement> statements{};                        // that are acquired, besides leases
  bool leases = true;                                         // or only statements
  std::vector<pool::HolderId> holders{pool::unknown_holder};  // who may ask
  bool saturated = false;                                     // all connections are leased when it begins
  bool hang_ups = false;                                      // the server may hang up on each connection
  std::vector<pool::Duration> answers{100us};                 // after which a statement is answered
};

class Order {
 public:
  explicit Order(const Scope& scope) : scope_(scope), harness_(scope.options), once_(scope.once) {
    trace_.options = scope.options;
    apply(Input{});
    if (scope.saturated) saturate();
  }

  /// One event of all that are possible now; false if none is, or an invariant is broken.
  bool step(Generator& generator) {
    collect();
    if (possible_.empty()) return false;
    const Input input = possible_[generator.below(static_cast<std::uint32_t>(possible_.size()))];
    if (input.kind == InputKind::acquire || input.kind == InputKind::acquire_statement) ++acquired_;
    std::erase(once_, input.kind);
    return apply(input);
  }

  /// From here on everything goes well: who waits is served, then the pool closes, and nothing is left.
  void finish() {
    if (broken()) return;
    if (!model().closed()) apply(make(InputKind::resume));
    for (int i = 0; i < 80 && !broken() && !served(); ++i) go_on();
    if (!broken() && !served()) harness_.report("I3 progress", "a waiter is never served");
    if (!broken()) apply(make(InputKind::close));
    for (int i = 0; i < 30 && !broken() && !harness_.core().finished(); ++i) go_on();
    if (!broken() && !harness_.core().finished())
      harness_.report("I9 nothing left", "closed and not finished");
  }

  [[nodiscard]] bool broken() const { return harness_.model().violation().has_value(); }
  [[nodiscard]] std::string story() const {
    const auto& violation = *harness_.model().violation();
    return violation.invariant + ": " + violation.text + "\n" + to_text(trace_);
  }

 private:
  [[nodiscard]] const sim::Model& model() const { return harness_.model(); }

  void saturate() {
    for (std::uint32_t slot = 0; slot < scope_.options.max_size; ++slot) {
      Input acquire = make(InputKind::acquire);
      acquire.deadline = model().now() + 10s;
      apply(acquire);
      possible_.clear();
      for (std::uint32_t other = 0; other < model().connections().size(); ++other) {
        if (model().connections()[other].state == State::connecting) add_answers(other);
      }
      if (!possible_.empty()) apply(possible_.front());
      for (const auto grant : model().granted()) {
        possible_.clear();
        add(InputKind::accept, grant.waiter.slot, grant.waiter.generation);
        apply(possible_.front());
      }
    }
  }

  bool apply(const Input& input) {
    trace_.inputs.push_back(input);
    return harness_.apply(input);
  }
  [[nodiscard]] Input make(InputKind kind) const {
    Input input;
    input.kind = kind;
    input.now = model().now() + 1ms;
    return input;
  }
  void add(InputKind kind, std::uint32_t slot, std::uint32_t generation,
           Disposition disposition = Disposition::clean) {
    Input input = make(kind);
    input.slot = slot;
    input.generation = generation;
    input.disposition = disposition;
    possible_.push_back(input);
  }

  void collect() {
    possible_.clear();
    for (std::uint32_t slot = 0; slot < model().connections().size(); ++slot) {
      add_answers(slot);
      if (scope_.hang_ups) add_hang_up(slot);
    }
    for (const auto& grant : model().granted()) {
      add(InputKind::accept, grant.waiter.slot, grant.waiter.generation);
      add(InputKind::cancel, grant.waiter.slot, grant.waiter.generation);
    }
    for (const auto& waiter : model().queue()) add(InputKind::cancel, waiter.id.slot, waiter.id.generation);
    if (acquired_ < scope_.acquires) add_acquires();
    if (harness_.next_deadline() != pool::never) {
      possible_.push_back(make(InputKind::tick));
      possible_.back().now = std::max(model().now(), harness_.next_deadline());
    }
    for (const InputKind kind : once_) {
      possible_.push_back(make(kind));
      possible_.back().min_size = 0;
      possible_.back().max_size = 1;
    }
  }

  void add_acquires() {
    for (const pool::HolderId holder : scope_.holders) {
      const auto ask = [&](InputKind kind) {
        possible_.push_back(make(kind));
        possible_.back().deadline = model().now() + 10s;
        possible_.back().holder = holder;
      };
      if (scope_.leases) ask(InputKind::acquire);
      for (const Statement& statement : scope_.statements) {
        ask(InputKind::acquire_statement);
        possible_.back().statement = statement;
      }
    }
  }

  /// What the driver of a run may do next, and those who travel with it.
  void add_run(std::uint32_t slot) {
    const auto& connection = model().connections()[slot];
    const auto& run = connection.run;
    const auto sent = static_cast<std::uint32_t>(
        std::count_if(run.begin(), run.end(), [](const auto& it) { return it.sent; }));
    if (sent < run.size()) add(InputKind::send_next, slot, connection.generation);
    for (const pool::Duration took : scope_.answers) {
      if (sent == 0) break;
      add(InputKind::on_answered, run.front().id.slot, run.front().id.generation);
      possible_.back().took = took;
    }
    add(InputKind::hand_on, slot, connection.generation);
    for (const auto& member : run) add(InputKind::cancel, member.id.slot, member.id.generation);
    for (std::uint32_t never_sent = 0; never_sent <= sent; ++never_sent) {
      add(InputKind::release, slot, connection.generation, Disposition::broken);
      possible_.back().never_sent = never_sent;
    }
  }

  void add_answers(std::uint32_t slot) {
    const auto& connection = model().connections()[slot];
    switch (connection.state) {
      case State::connecting:
        add(InputKind::on_connected, slot, connection.generation);
        for (const ConnectFailure failure : scope_.failures) {
          add(InputKind::on_connect_failed, slot, connection.generation);
          possible_.back().failure = failure;
        }
        break;
      case State::leased:
        if (is_granted(slot)) break;
        if (!connection.run.empty()) {
          add_run(slot);
          break;
        }
        for (const Disposition how : scope_.releases)
          add(InputKind::release, slot, connection.generation, how);
        break;
      case State::resetting:
        add(InputKind::on_reset_done, slot, connection.generation);
        add(InputKind::on_reset_done, slot, connection.generation, Disposition::broken);
        break;
      case State::checking:
        add(InputKind::on_check_done, slot, connection.generation);
        add(InputKind::on_check_done, slot, connection.generation, Disposition::broken);
        break;
      case State::dying: add(InputKind::on_closed, slot, connection.generation); break;
      case State::none:
      case State::idle:
      case State::soiled:
      case State::condemned: break;
    }
  }

  void add_hang_up(std::uint32_t slot) {
    const auto& connection = model().connections()[slot];
    const bool open = connection.state == State::idle || connection.state == State::leased ||
                      connection.state == State::resetting || connection.state == State::checking;
    if (open && !connection.hung_up) add(InputKind::on_hung_up, slot, connection.generation);
    if (connection.state == State::checking && connection.hung_up)
      add(InputKind::on_check_done, slot, connection.generation, Disposition::lost);
  }

  [[nodiscard]] bool is_granted(std::uint32_t slot) const {
    for (const auto& grant : model().granted()) {
      if (grant.connection.slot == slot) return true;
    }
    return false;
  }

  [[nodiscard]] bool served() const {
    return model().queue().empty() && model().granted().empty() &&
           std::all_of(model().connections().begin(), model().connections().end(),
                       [](const auto& it) { return it.run.empty(); });
  }

  /// The first answer of those due; a grant is accepted; else time passes.
  void go_on() {
    possible_.clear();
    for (const auto& grant : model().granted())
      add(InputKind::accept, grant.waiter.slot, grant.waiter.generation);
    for (std::uint32_t slot = 0; slot < model().connections().size(); ++slot) add_answers(slot);
    if (possible_.empty()) {
      possible_.push_back(make(InputKind::tick));
      if (harness_.next_deadline() != pool::never) {
        possible_.back().now = std::max(possible_.back().now, harness_.next_deadline());
      }
    }
    apply(possible_.front());
  }

  const Scope& scope_;
  sim::Harness harness_;
  sim::Trace trace_;
  std::vector<Input> possible_;
  std::vector<InputKind> once_;
  std::uint32_t acquired_ = 0;
};

/// Tries all orders. `COPG_DEPTH` in the environment, if set, is added to the depth.
void try_all(Scope scope) {
  if (const char* more = std::getenv("COPG_DEPTH"))
    scope.depth += static_cast<std::uint32_t>(std::atoi(more));
  Generator generator;
  std::uint64_t orders = 0;
  while (generator.next()) {
    Order order(scope);
    for (std::uint32_t i = 0; i < scope.depth && order.step(generator); ++i) {
    }
    order.finish();
    ++orders;
    ASSERT_FALSE(order.broken()) << "order " << orders << "\n" << order.story();
  }
  std::printf("%llu orders\n", static_cast<unsigned long long>(orders));
  EXPECT_GT(orders, 1000U);
}

pool::CoreOptions small(std::uint32_t min_size, std::uint32_t max_size, std::uint32_t num_workers) {
  return {.min_size = min_size, .max_size = max_size, .num_workers = num_workers, .seed = 7};
}

TEST(Orders, three_waiters_share_one_connection_and_cancel_at_every_point) {
  try_all({.options = small(0, 1, 1), .depth = 9, .acquires = 3});
}

TEST(Orders, three_waiters_share_two_connections_that_may_fail_to_open) {
  try_all({.options = small(0, 2, 2), .depth = 7, .acquires = 3, .failures = {ConnectFailure::transient}});
}

TEST(Orders, leases_end_in_every_way) {
  try_all({.options = small(1, 2, 2),
           .depth = 7,
           .acquires = 2,
           .releases = {Disposition::clean, Disposition::needs_reset, Disposition::discard,
                        Disposition::broken, Disposition::demoted}});
}

TEST(Orders, connects_fail_in_every_way) {
  try_all({.options = small(0, 1, 1),
           .depth = 7,
           .acquires = 3,
           .failures = {ConnectFailure::transient, ConnectFailure::overloaded, ConnectFailure::configuration,
                        ConnectFailure::refused_near}});
}

TEST(Orders, the_pool_closes_drains_or_shrinks_at_every_point) {
  try_all({.options = small(1, 2, 1),
           .depth = 6,
           .acquires = 2,
           .releases = {Disposition::clean, Disposition::broken},
           .once = {InputKind::close, InputKind::drain, InputKind::resize}});
}

TEST(Orders, the_pool_is_suspended_and_checked_at_every_point) {
  try_all({.options = small(2, 2, 1),
           .depth = 7,
           .acquires = 2,
           .once = {InputKind::suspend, InputKind::resume, InputKind::check_all}});
}

TEST(Orders, the_server_hangs_up_at_every_point) {
  try_all({.options = small(1, 2, 1),
           .depth = 6,
           .acquires = 2,
           .releases = {Disposition::clean, Disposition::needs_reset},
           .once = {InputKind::check_all, InputKind::drain, InputKind::close},
           .hang_ups = true});
}

constexpr Statement a_read{.key = 1, .kind = StatementKind::read};
constexpr Statement a_write{.key = 2, .kind = StatementKind::last};
constexpr Statement a_loner{.key = 3, .kind = StatementKind::alone};

TEST(Orders, the_server_hangs_up_while_statements_travel) {
  try_all({.options = small(2, 2, 2),
           .depth = 6,
           .acquires = 3,
           .statements = {a_read},
           .leases = false,
           .hang_ups = true});
}

TEST(Orders, statements_share_one_connection_and_cancel_and_are_lost_at_every_point) {
  try_all({.options = small(1, 1, 1),
           .depth = 8,
           .acquires = 3,
           .statements = {a_read},
           .leases = false,
           .saturated = true});
}

TEST(Orders, statements_of_every_kind_and_leases_stand_in_one_queue) {
  try_all({.options = small(1, 1, 1),
           .depth = 5,
           .acquires = 4,
           .statements = {a_read, a_write, a_loner},
           .saturated = true});
}

TEST(Orders, statements_share_two_connections_that_may_break) {
  try_all({.options = small(2, 2, 2),
           .depth = 6,
           .acquires = 4,
           .releases = {Disposition::clean, Disposition::broken},
           .statements = {a_read},
           .leases = false,
           .saturated = true});
}

TEST(Orders, a_text_becomes_slow_and_fast_again) {
  try_all({.options = small(2, 2, 2),
           .depth = 6,
           .acquires = 4,
           .statements = {a_read, a_write},
           .leases = false,
           .answers = {100us, 50ms}});
}

TEST(Orders, the_pool_closes_or_is_suspended_while_statements_travel) {
  try_all({.options = small(1, 1, 1),
           .depth = 6,
           .acquires = 3,
           .once = {InputKind::close, InputKind::suspend, InputKind::drain},
           .statements = {a_read},
           .leases = false,
           .saturated = true});
}

TEST(Orders, callers_that_hold_a_connection_ask_for_another_at_every_point) {
  try_all(
      {.options = small(0, 2, 2), .depth = 7, .acquires = 4, .once = {InputKind::resize}, .holders = {1, 2}});
}

TEST(Orders, callers_that_hold_a_connection_send_statements_past_it) {
  try_all({.options = small(1, 1, 1),
           .depth = 6,
           .acquires = 4,
           .releases = {Disposition::clean, Disposition::broken},
           .statements = {a_read},
           .holders = {1, 2}});
}

TEST(Orders, lifetimes_and_idle_times_end_between_all_else) {
  pool::CoreOptions options = small(1, 2, 2);
  options.max_lifetime = 3ms;
  options.max_idle = 1ms;
  try_all({.options = options, .depth = 7, .acquires = 2});
}

}  // namespace
}  // namespace copg::test
