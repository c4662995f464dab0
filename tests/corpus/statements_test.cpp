// The corpus for statements that share a connection: the bugs of waiters_test.cpp, where a grant is a run,
// and those of pools that let statements share connections before. Each test names its row of
// docs/reference/invariants.md.
#include <random>

#include "script.hpp"

namespace copg::test {
namespace {

using State = sim::Model::State;
using pool::Statement;
using pool::StatementKind;
using Waiters = std::vector<WaiterId>;

constexpr Statement a_read{.key = 1, .kind = StatementKind::read};

/// One connection, leased; with what is answered.
struct Pool : Script {
  Pool() : Script({.min_size = 1, .max_size = 1}) {
    connect_all();
    id = lease();
  }
  /// The driver of the run takes it to its end.
  void drive() {
    const Waiters travel = run(id);
    ASSERT_FALSE(travel.empty());
    EXPECT_EQ(accept(travel.front()), id);
    send_all(id);
    for (const WaiterId waiter : travel) answered(waiter);
    release(id);
  }
  ConnectionId id;
};

// B2: a newcomer took the connection that was handed to a waiter. A run takes on nobody once it is granted.
TEST(CorpusOfStatements, a_newcomer_never_joins_a_run_that_was_granted) {
  Pool pool;
  const WaiterId first = pool.ask(a_read);
  const WaiterId lease = pool.wait();
  pool.release(pool.id);
  const WaiterId late = pool.ask(a_read);
  EXPECT_EQ(pool.run(pool.id), Waiters{first});
  pool.drive();
  EXPECT_EQ(pool.actions(), Actions{grant(lease, pool.id)});
  EXPECT_EQ(pool.accept(lease), pool.id);
  pool.release(pool.id);
  EXPECT_EQ(pool.actions(), Actions{grant(late, pool.id)});
}

// B3: the one that was woken was cancelled, and the others were never told.
TEST(CorpusOfStatements, a_driver_that_is_cancelled_leaves_nobody_asleep) {
  for (const bool accepted : {false, true}) {
    Pool pool;
    const Waiters waiters{pool.ask(a_read), pool.ask(a_read)};
    pool.release(pool.id);
    if (accepted) pool.accept(waiters[0]);
    pool.cancel(waiters[0]);
    if (accepted) pool.hand_on(pool.id);
    EXPECT_EQ(pool.actions(), Actions{grant(waiters[1], pool.id)});
    pool.drive();
    EXPECT_EQ(pool.stats().pool_available, 1U);
  }
}

// B5, B48: a caller that goes away at any moment made the size drift.
TEST(CorpusOfStatements, a_caller_that_goes_away_at_any_moment_changes_no_count) {
  for (int moment = 0; moment < 5; ++moment) {
    Pool pool;
    const Waiters waiters{pool.ask(a_read), pool.ask(a_read)};
    if (moment == 0) pool.cancel(waiters[1]);  // while it waits
    pool.release(pool.id);
    if (moment == 1) pool.cancel(waiters[1]);  // in the run
    pool.accept(waiters[0]);
    if (moment == 2) pool.cancel(waiters[1]);
    pool.send_all(pool.id);
    if (moment == 3) pool.cancel(waiters[1]);  // sent
    pool.answered(waiters[0]);
    EXPECT_EQ(pool.answered(waiters[1]), moment == 4);
    pool.release(pool.id);
    EXPECT_EQ(pool.stats().pool_available, 1U);
    EXPECT_EQ(pool.stats().requests_waiting, 0U);
    EXPECT_TRUE(pool.run(pool.id).empty());
  }
}

// B6: cancelled callers stayed in the queue and ate the grants.
TEST(CorpusOfStatements, the_last_of_a_thousand_is_served_when_all_others_cancel) {
  Pool pool;
  Waiters queue;
  for (int i = 0; i < 1000; ++i) queue.push_back(pool.ask(a_read));
  for (std::size_t i = 0; i < 999; ++i) pool.cancel(queue[i]);
  pool.release(pool.id);
  EXPECT_EQ(pool.actions(), Actions{grant(queue.back(), pool.id)});
  EXPECT_EQ(pool.run(pool.id), Waiters{queue.back()});
}

// B11: a connection that dies while it is leased took its place, and here its passengers, with it.
TEST(CorpusOfStatements, no_statement_is_lost_without_a_word_however_often_connections_die) {
  Pool pool;
  Waiters waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(pool.ask(a_read));
  std::size_t told = 0;
  pool.release(pool.id);
  for (int death = 0; death < 40 && told < waiting.size() && !pool.broken(); ++death) {
    const ConnectionId id = pool.in_state(State::leased).at(0);
    const WaiterId driver = pool.run(id).front();
    pool.accept(driver);
    pool.send_next(id);
    if (death % 2 == 0) {
      EXPECT_TRUE(pool.answered(driver));
      ++told;
    }
    pool.lose(id);
    told += pool.count(ActionKind::fail);
    pool.close_all();
    pool.connect_all();
  }
  EXPECT_EQ(told, waiting.size());
  EXPECT_EQ(pool.stats().requests_waiting, 0U);
}

// B12: a grant and a timeout at the same moment. One that travels has left the queue, and not its deadline.
TEST(CorpusOfStatements, a_grant_at_the_very_deadline_has_one_outcome) {
  for (const Duration before : {1ns, 0ns}) {
    Pool pool;
    const WaiterId driver = pool.ask(a_read);
    const WaiterId hasty = pool.ask(a_read, 10ms);
    pool.release(pool.id);
    pool.accept(driver);
    pool.pass(10ms - before);
    pool.tick();
    const bool expired = before == 0ns;
    EXPECT_EQ(pool.count(ActionKind::fail), expired ? 1U : 0U);
    pool.send_all(pool.id);
    EXPECT_EQ(pool.run(pool.id).size(), expired ? 1U : 2U);
    pool.pass(1s);
    pool.tick();
    EXPECT_TRUE(pool.actions().empty()) << "sent, it no longer times out here";
    EXPECT_EQ(pool.answered(hasty), !expired);
  }
}

// B16: stale waiters stalled the pool after a storm of cancels.
TEST(CorpusOfStatements, a_storm_of_cancels_leaves_the_pool_as_it_was) {
  Pool pool;
  std::mt19937 random(16);  // NOLINT: always the same storm
  for (int round = 0; round < 500 && !pool.broken(); ++round) {
    Waiters queue;
    for (int i = 0; i < 20; ++i) {
      queue.push_back(pool.ask(a_read));
      if (random() % 2 == 0) pool.cancel(queue[random() % queue.size()]);
    }
    pool.release(pool.id);
    while (!pool.run(pool.id).empty()) {
      if (random() % 2 == 0) pool.cancel(pool.run(pool.id).back());
      if (!pool.run(pool.id).empty()) {
        pool.drive();
      } else {
        pool.release(pool.id);  // the last driver was cancelled
      }
    }
    pool.id = pool.lease();
  }
  EXPECT_EQ(pool.stats().requests_waiting, 0U);
  EXPECT_EQ(pool.stats().connections_num, 1U);
}

// B28: a second release made a second owner. Here it would also make passengers wait twice.
TEST(CorpusOfStatements, a_second_release_does_nothing) {
  Pool pool;
  const WaiterId waiter = pool.ask(a_read);
  pool.release(pool.id);
  pool.accept(waiter);
  EXPECT_TRUE(pool.lose(pool.id));
  EXPECT_FALSE(pool.lose(pool.id));
  EXPECT_EQ(pool.stats().requests_waiting, 1U);
}

// postgres.js pipelines without fairness: whoever came to a busy connection waited for all that was on it.
TEST(CorpusOfStatements, a_slow_statement_has_nobody_behind_it) {
  Pool pool;
  const Statement slow{.key = 9, .kind = StatementKind::read};
  const WaiterId first = pool.ask(slow);
  pool.release(pool.id);
  pool.accept(first);
  pool.send_all(pool.id);
  pool.answered(a_read, 100us);
  pool.answered(first, 50ms);
  const Waiters waiters{pool.ask(slow), pool.ask(a_read), pool.ask(a_read)};
  pool.release(pool.id);
  EXPECT_EQ(pool.run(pool.id), Waiters{waiters[0]});
}

}  // namespace
}  // namespace copg::test
