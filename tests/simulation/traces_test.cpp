// The policy of sharing, judged by what callers feel: recorded arrivals are played to the pool core in
// virtual time, with a server that answers each connection's statements one after the other.
#include <gtest/gtest.h>

#include <cmath>
#include <queue>

#include "pool/pool_core.hpp"
#include "sim/workload.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;
using pool::ConnectionId;
using pool::Duration;
using pool::PoolCore;
using pool::Statement;
using pool::StatementKind;
using pool::TimePoint;
using pool::WaiterId;

/// Statements by the time of their arrival.
struct Arrival {
  TimePoint time{};
  std::uint64_t key = 0;
  Duration takes{};  // on the server
};
using Trace = std::vector<Arrival>;

constexpr std::uint64_t fast_text = 1;
constexpr std::uint64_t slow_text = 2;

/// Poisson arrivals; one in `slow_permille` of a thousand takes 50 ms.
Trace record(std::uint64_t seed, double per_second, std::uint32_t slow_permille, Duration length = 5s) {
  sim::Dice dice(seed);
  Trace trace;
  TimePoint now{};
  while (now < TimePoint{} + length) {
    const double unit = static_cast<double>(dice.next() >> 11) * 0x1.0p-53;
    now += Duration(static_cast<Duration::rep>(-std::log(1 - unit) / per_second * 1e9));
    const bool slow = dice.permille(slow_permille);
    trace.push_back(
        {now, slow ? slow_text : fast_text, slow ? dice.between(40ms, 60ms) : dice.between(50us, 90us)});
  }
  return trace;
}

/// What the pool may do for them.
struct Policy {
  std::uint32_t share_limit = 16;
  bool knows_texts = true;  ///< False: no two statements have the same key.
  Duration round_trip = 60us;
  Duration stall{};  ///< So long does the client see nothing of what comes, ten times a second.
};

/// Plays a trace to a pool of ten connections.
class World {
 public:
  World(Trace trace, const Policy& policy)
      : trace_(std::move(trace)),
        policy_(policy),
        core_({.min_size = size, .max_size = size, .num_workers = size, .share_limit = policy.share_limit},
              TimePoint{}),
        connections_(size) {
    core_.reserve_waiters(static_cast<std::uint32_t>(trace_.size()));
    whose_.resize(trace_.size());
    latencies_.resize(trace_.size());
    core_.tick(now_);
    while (const auto action = core_.poll_action()) core_.on_connected(now_, action->connection);
  }

  void play() {
    std::size_t next = 0;
    while (next < trace_.size() || !answers_.empty()) {
      if (next < trace_.size() && (answers_.empty() || seen(trace_[next].time) <= answers_.top().time)) {
        now_ = seen(trace_[next].time);
        arrive(next++);
      } else {
        const Answer answer = answers_.top();
        answers_.pop();
        now_ = answer.time;
        answered(answer.connection);
      }
    }
  }

  /// The latency that `permille` of the statements of a text stay below.
  [[nodiscard]] Duration latency(std::uint64_t text, std::size_t permille) const {
    std::vector<Duration> of_text;
    for (std::size_t i = 0; i < trace_.size(); ++i) {
      if (trace_[i].key == text) of_text.push_back(latencies_[i]);
    }
    if (of_text.empty()) return {};
    const std::size_t rank = of_text.size() * permille / 1000;
    std::nth_element(of_text.begin(), of_text.begin() + static_cast<std::ptrdiff_t>(rank), of_text.end());
    return of_text[rank];
  }
  [[nodiscard]] PoolStats stats() const { return core_.stats(); }

 private:
  static constexpr std::uint32_t size = 10;
  static constexpr std::size_t none = SIZE_MAX;

  struct Answer {
    TimePoint time;
    std::uint32_t connection;
    bool operator<(const Answer& other) const { return time > other.time; }  // the first one on top
  };
  struct Connection {
    ConnectionId id;
    std::size_t at_once = none;   // granted at once
    std::vector<WaiterId> run{};  // or what travels, in order
    TimePoint since{};            // sent, or the answer in front
  };

  [[nodiscard]] Statement statement(std::size_t arrival) const {
    return {.key = policy_.knows_texts ? trace_[arrival].key : arrival, .kind = StatementKind::read};
  }
  [[nodiscard]] std::size_t whose(WaiterId waiter) const { return whose_[waiter.slot]; }

  void arrive(std::size_t arrival) {
    const Statement sent = statement(arrival);
    const auto answer = core_.acquire(now_, {.deadline = pool::never, .statement = &sent});
    if (answer.kind == pool::Acquired::Kind::queued) {
      whose_[answer.waiter.slot] = arrival;
    } else {
      connections_[answer.connection.slot] = {.id = answer.connection, .at_once = arrival, .since = now_};
      expect_answer(answer.connection.slot, policy_.round_trip + trace_[arrival].takes);
    }
  }

  void expect_answer(std::uint32_t slot, Duration after) { answers_.push({seen(now_ + after), slot}); }

  /// When the client sees what comes at a time.
  [[nodiscard]] TimePoint seen(TimePoint time) const {
    constexpr Duration often = 100ms;
    const Duration since = time.time_since_epoch() % often;
    return since < policy_.stall ? time + (policy_.stall - since) : time;
  }

  void answered(std::uint32_t slot) {
    Connection& connection = connections_[slot];
    const Duration took = now_ - connection.since;
    if (connection.at_once != none) {
      latencies_[connection.at_once] = now_ - trace_[connection.at_once].time;
      core_.on_answered(statement(connection.at_once), took);
      return release(connection);
    }
    const WaiterId first = connection.run.front();
    latencies_[whose(first)] = now_ - trace_[whose(first)].time;
    core_.on_answered(first, took);
    connection.run.erase(connection.run.begin());
    connection.since = now_;
    if (connection.run.empty()) return release(connection);
    expect_answer(slot, trace_[whose(connection.run.front())].takes);
  }

  void release(Connection& connection) {
    core_.release(now_, connection.id, pool::Disposition::clean);
    while (const auto action = core_.poll_action()) {
      ASSERT_EQ(action->kind, pool::ActionKind::grant);
      begin_run(action->connection, action->waiter);
    }
  }

  void begin_run(ConnectionId id, WaiterId driver) {
    core_.accept(driver);
    Connection& connection = connections_[id.slot];
    connection = {.id = id, .since = now_};
    while (const auto next = core_.send_next(id)) connection.run.push_back(*next);
    expect_answer(id.slot, policy_.round_trip + trace_[whose(driver)].takes);
  }

  Trace trace_;
  Policy policy_;
  PoolCore core_;
  TimePoint now_{};
  std::vector<Connection> connections_;
  std::priority_queue<Answer> answers_;
  std::vector<std::size_t> whose_;  // by the slot of the waiter: its arrival
  std::vector<Duration> latencies_;
};

double ms(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

/// What the callers of each text felt.
struct Felt {
  Duration fast_p50, fast_p99, slow_p99;
  PoolStats stats;
};

Felt play(const char* name, const Trace& trace, const Policy& policy) {
  World world(trace, policy);
  world.play();
  const Felt felt{world.latency(fast_text, 500), world.latency(fast_text, 990), world.latency(slow_text, 990),
                  world.stats()};
  std::printf("%-24s fast p50 %6.2f p99 %6.2f ms, slow p99 %6.1f ms; %llu runs of %.1f, %llu isolated\n",
              name, ms(felt.fast_p50), ms(felt.fast_p99), ms(felt.slow_p99),
              static_cast<unsigned long long>(felt.stats.runs_num), felt.stats.runs_mean(),
              static_cast<unsigned long long>(felt.stats.statements_isolated));
  return felt;
}

// Without sharing the fast ones wait until one of the slow ones is done; in a run with a slow one they wait
// for all of it.
TEST(Traces, with_slow_statements_apart_fast_ones_wait_a_third_as_long) {
  for (const double per_second : {10'000., 12'000.}) {
    Duration apart{};
    Duration together{};
    Duration unshared{};
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      std::printf("%.0f/s, 1 %% of 50 ms, seed %zu\n", per_second, seed);
      const Trace trace = record(seed, per_second, 10);
      const Felt none = play("  no sharing", trace, {.share_limit = 1});
      const Felt all = play("  sharing with all", trace, {.knows_texts = false});
      const Felt isolated = play("  slow ones apart", trace, {});
      EXPECT_LT(isolated.fast_p99, none.fast_p99);
      EXPECT_LT(isolated.fast_p99, all.fast_p99);
      EXPECT_LT(isolated.slow_p99, none.slow_p99 * 5 / 4) << "and it costs the slow ones little";
      EXPECT_EQ(none.stats.runs_num + none.stats.statements_isolated, 0U);
      EXPECT_GT(isolated.stats.statements_isolated, 0U);
      apart += isolated.fast_p99;
      together += all.fast_p99;
      unshared += none.fast_p99;
    }
    EXPECT_LT(apart * 3, unshared);
    EXPECT_LT(apart * 3, together);
  }
}

TEST(Traces, sharing_carries_a_load_that_connections_of_their_own_could_not) {
  for (std::uint64_t seed = 1; seed <= 2; ++seed) {
    const Trace trace = record(seed, 90'000, 0, 1s);  // ten connections: 77,000 statements a second
    const Felt none = play("no sharing", trace, {.share_limit = 1});
    const Felt shared = play("sharing", trace, {});
    EXPECT_GT(none.fast_p99, 100ms) << "the queue grows without end";
    EXPECT_LT(shared.fast_p99, 1ms);
  }
}

TEST(Traces, where_a_connection_is_idle_nothing_changes) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Trace trace = record(seed, 10'000, 0);
    const Felt none = play("no sharing", trace, {.share_limit = 1});
    const Felt shared = play("sharing", trace, {});
    EXPECT_EQ(none.fast_p50, shared.fast_p50);
    EXPECT_EQ(none.fast_p99, shared.fast_p99);
    EXPECT_EQ(shared.stats.runs_num, 0U);
  }
}

// A client that does not get a processor takes its own time for the server's. What has waited for that is not
// slow for it.
TEST(Traces, after_a_stall_of_the_client_what_has_waited_travels_in_runs) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const Trace trace = record(seed, 60'000, 0, 1s);
    const Felt none = play("no sharing", trace, {.share_limit = 1, .stall = 20ms});
    const Felt shared = play("sharing", trace, {.stall = 20ms});
    EXPECT_LT(shared.stats.statements_isolated * 50, trace.size());
    EXPECT_LT(shared.fast_p50 * 3, none.fast_p50);
  }
}

// 5 ms are far, not slow: what is quick there travels in runs, and only 50 ms go alone.
TEST(Traces, a_distant_server_isolates_what_is_slow_there_and_nothing_else) {
  const Trace quick = record(1, 3'000, 0);
  const Felt none = play("no sharing", quick, {.share_limit = 1, .round_trip = 5ms});
  const Felt shared = play("sharing", quick, {.round_trip = 5ms});
  EXPECT_EQ(shared.stats.statements_isolated, 0U);
  EXPECT_LT(shared.fast_p99 * 3, none.fast_p99);
  const Trace mixed = record(1, 3'000, 10);
  const Felt all = play("sharing with all", mixed, {.knows_texts = false, .round_trip = 5ms});
  const Felt isolated = play("slow ones apart", mixed, {.round_trip = 5ms});
  EXPECT_GT(isolated.stats.statements_isolated, 50U);
  EXPECT_LT(isolated.stats.statements_isolated, 200U) << "one in a hundred of 15,000";
  EXPECT_LT(isolated.fast_p99, all.fast_p99);
}

}  // namespace
}  // namespace copg::test
