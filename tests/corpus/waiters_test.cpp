// The corpus, first half: bugs of other pools in who waits and who is served. Each test names its row of
// docs/reference/invariants.md, where the tests of rows stand that are about sockets, threads, sessions or
// processes.
#include <random>

#include "script.hpp"

namespace copg::test {
namespace {

using State = sim::Model::State;

// B1: the adder saw an idle connection, skipped the create, and never signalled the second waiter.
TEST(Corpus, two_waiters_are_both_served_when_one_connect_lands_between_them) {
  Script pool({.min_size = 0, .max_size = 2});
  const WaiterId first = pool.wait();
  const auto opened = pool.named(ActionKind::open);
  ASSERT_EQ(opened.size(), 1U);
  pool.connected(opened[0]);
  EXPECT_EQ(pool.actions(), Actions{grant(first, opened[0])});
  const WaiterId second = pool.wait();
  ASSERT_EQ(pool.count(ActionKind::open), 1U);
  pool.release(opened[0]);
  EXPECT_EQ(pool.actions(), Actions{grant(second, opened[0])});
}

// B2: the connection that was handed to a waiter was taken by a newcomer, and the waiter went to the end of
// the queue.
TEST(Corpus, a_newcomer_never_overtakes_a_waiter) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  ConnectionId leased = pool.lease();
  std::vector<WaiterId> queue{pool.wait(), pool.wait()};
  for (int round = 0; round < 50; ++round) {
    pool.release(leased);
    ASSERT_EQ(pool.actions(), Actions{grant(queue.front(), leased)});
    queue.push_back(pool.wait());  // before the granted one even woke up
    EXPECT_EQ(pool.accept(queue.front()), leased);
    queue.erase(queue.begin());
  }
}

// B3: idle woke A only, A was cancelled, and B was never told.
TEST(Corpus, a_cancel_after_the_grant_passes_the_connection_on) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId a = pool.wait();
  const WaiterId b = pool.wait();
  pool.release(leased);
  ASSERT_EQ(pool.actions(), Actions{grant(a, leased)});
  const Cancelled answer = pool.cancel(a);
  ASSERT_EQ(answer.kind, Cancelled::Kind::granted);
  pool.release(answer.connection);
  EXPECT_EQ(pool.actions(), Actions{grant(b, leased)});
}

TEST(Corpus, a_cancel_before_the_release_leaves_the_connection_to_the_next) {  // B3
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId a = pool.wait();
  const WaiterId b = pool.wait();
  EXPECT_EQ(pool.cancel(a).kind, Cancelled::Kind::cancelled);
  pool.release(leased);
  EXPECT_EQ(pool.actions(), Actions{grant(b, leased)});
}

// B4: a release between "nobody is idle" and "stand in the queue" was lost. Here both are one input; in
// either order the caller gets the connection. (Every order of more events: tests/exhaustive.)
TEST(Corpus, a_release_just_before_or_after_an_acquire_serves_it) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  pool.release(leased);
  EXPECT_EQ(pool.lease(), leased);
  const WaiterId waiter = pool.wait();
  pool.release(leased);
  EXPECT_EQ(pool.actions(), Actions{grant(waiter, leased)});
}

// B5, B48: a caller that goes away between the grant and its acceptance made the size drift.
TEST(Corpus, a_caller_that_goes_away_at_any_moment_changes_no_count) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const PoolStats before = pool.stats();
  for (int moment = 0; moment < 3; ++moment) {
    const ConnectionId leased = pool.lease();
    const WaiterId waiter = pool.wait();
    if (moment == 0) pool.cancel(waiter);  // while it waits
    pool.release(leased);
    if (moment == 1) pool.release(pool.cancel(waiter).connection);  // granted, not accepted
    if (moment == 2) pool.release(*pool.accept(waiter));            // accepted, not used
    EXPECT_EQ(pool.stats().pool_available, before.pool_available);
    EXPECT_EQ(pool.stats().pool_size, before.pool_size);
    EXPECT_EQ(pool.stats().requests_waiting, 0U);
  }
}

// B6: cancelled callers stayed in the queue and ate the grants.
TEST(Corpus, the_last_of_a_thousand_is_served_when_all_others_cancel) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  std::vector<WaiterId> queue;
  for (int i = 0; i < 1000; ++i) queue.push_back(pool.wait());
  for (int i = 0; i < 999; ++i)
    ASSERT_EQ(pool.cancel(queue[static_cast<std::size_t>(i)]).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(pool.stats().requests_waiting, 1U);
  pool.release(leased);
  EXPECT_EQ(pool.actions(), Actions{grant(queue.back(), leased)});
}

// B12: a grant and a timeout at the same moment left the connection to nobody.
TEST(Corpus, a_grant_at_the_very_deadline_has_one_owner) {
  for (const Duration before : {1ns, 0ns, -1ns}) {
    Script pool({.min_size = 1, .max_size = 1});
    pool.connect_all();
    const ConnectionId leased = pool.lease();
    const WaiterId waiter = pool.wait(10ms);
    pool.pass(10ms - before);
    if (before <= 0ns) {
      pool.tick();
      EXPECT_EQ(pool.actions(), Actions{fail(waiter, WaitError::timeout)});
      pool.release(leased);
      EXPECT_EQ(pool.stats().pool_available, 1U);
      EXPECT_EQ(pool.cancel(waiter).kind, Cancelled::Kind::unknown);
    } else {
      pool.release(leased);
      EXPECT_EQ(pool.actions(), Actions{grant(waiter, leased)});
      pool.pass(1s);
      pool.tick();  // a granted waiter no longer times out
      EXPECT_EQ(pool.cancel(waiter).connection, leased);
    }
  }
}

// B13: a swallowed cancel let the cancelled task return with a connection.
TEST(Corpus, a_cancelled_waiter_never_keeps_a_connection) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId cancelled = pool.wait();
  const WaiterId next = pool.wait();
  pool.cancel(cancelled);
  pool.release(leased);
  EXPECT_EQ(pool.accept(cancelled), std::nullopt);
  EXPECT_EQ(pool.accept(next), leased);
}

// B14, B15: a cancel during the check lost the connection, or waited for the check.
TEST(Corpus, a_cancel_while_a_connection_is_checked_takes_effect_at_once) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  pool.check_all();
  const auto checked = pool.named(ActionKind::check);
  ASSERT_EQ(checked.size(), 1U);
  const WaiterId waiter = pool.wait();
  EXPECT_EQ(pool.cancel(waiter).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(pool.stats().requests_waiting, 0U);
  pool.check_done(checked[0]);
  EXPECT_EQ(pool.stats().pool_available, 1U);
  EXPECT_EQ(pool.lease(), checked[0]);
}

TEST(Corpus, a_waiter_times_out_while_the_check_hangs) {  // B15
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  pool.check_all();
  const WaiterId waiter = pool.wait(50ms);
  pool.run(50ms);
  EXPECT_EQ(pool.actions(), Actions{fail(waiter, WaitError::timeout)});
}

// B16: no leak, and yet stale waiters stalled the pool after a storm of cancels.
TEST(Corpus, a_storm_of_cancels_leaves_the_pool_as_it_was) {
  Script pool({.min_size = 2, .max_size = 2});
  pool.connect_all();
  std::mt19937 random(16);  // NOLINT: always the same storm
  std::vector<ConnectionId> leased{pool.lease(), pool.lease()};
  std::vector<WaiterId> queue;
  for (int i = 0; i < 10000 && !pool.broken(); ++i) {
    pool.pass(1ms);
    queue.push_back(pool.wait());
    if (random() % 8 != 0) {
      pool.cancel(queue.back());
      queue.pop_back();
    }
    if (queue.empty()) continue;
    pool.release(leased.front());
    leased.erase(leased.begin());
    leased.push_back(*pool.accept(queue.front()));
    queue.erase(queue.begin());
  }
  EXPECT_EQ(pool.stats().requests_waiting, 0U);
  for (const ConnectionId id : leased) pool.release(id);
  EXPECT_EQ(pool.stats().pool_available, 2U);
}

// B17: close waited for ever after a cancelled acquire.
TEST(Corpus, close_after_a_cancel_ends) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  pool.cancel(pool.wait());
  pool.close();
  pool.release(leased);
  EXPECT_EQ(pool.actions(), Actions{close(leased, CloseReason::pool_closed)});
  pool.closed(leased);
  EXPECT_TRUE(pool.core().finished());
}

// B28: a second release made a second owner.
TEST(Corpus, a_second_release_does_nothing) {
  Script pool({.min_size = 1, .max_size = 2});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  EXPECT_TRUE(pool.release(leased));
  EXPECT_FALSE(pool.release(leased));
  EXPECT_FALSE(pool.release(leased, Disposition::broken));
  EXPECT_EQ(pool.stats().pool_available, 1U);
  EXPECT_TRUE(pool.actions().empty());
}

// B44: a pool that was filled beforehand said that it was full.
TEST(Corpus, a_prefilled_pool_serves_all_it_has) {
  Script pool({.min_size = 4, .max_size = 4});
  pool.connect_all();
  for (int i = 0; i < 4; ++i) pool.lease();
  EXPECT_EQ(pool.stats().leased, 4U);
  EXPECT_EQ(pool.acquire().kind, Acquired::Kind::queued);
}

// B49: after a restart of the server, the cancelled requests of before consumed all new connections.
TEST(Corpus, requests_cancelled_during_an_outage_cost_no_connections_after_it) {
  Script pool({.min_size = 0, .max_size = 10, .num_workers = 2});
  std::vector<WaiterId> queue;
  for (int i = 0; i < 100; ++i) queue.push_back(pool.wait());
  for (const ConnectionId id : pool.in_state(State::connecting)) pool.connect_failed(id);
  for (int i = 0; i < 99; ++i) pool.cancel(queue[static_cast<std::size_t>(i)]);
  pool.run(5s);
  EXPECT_LE(pool.in_state(State::connecting).size(), 2U);
  pool.connected(pool.in_state(State::connecting).front());
  EXPECT_TRUE(pool.accept(queue.back()));
  EXPECT_EQ(pool.stats().connections_num, 2U + pool.in_state(State::connecting).size() + 1U);
}

}  // namespace
}  // namespace copg::test
