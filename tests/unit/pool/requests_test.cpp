// acquire, reacquire, accept, cancel, release, suspend, resume, close, cut: who gets a connection, and when.
#include "script.hpp"

namespace copg::test {
namespace {

/// One connection, idle.
struct One : ::testing::Test {
  Script pool{{.min_size = 1, .max_size = 1}};
  void SetUp() override { pool.connect_all(); }
};

TEST_F(One, an_acquire_takes_an_idle_connection_at_once) {
  const Acquired answer = pool.acquire();
  EXPECT_EQ(answer.kind, Acquired::Kind::granted);
  EXPECT_TRUE(pool.actions().empty());
  EXPECT_EQ(pool.stats().leased, 1U);
  EXPECT_EQ(pool.stats().requests_queued, 0U);
}

TEST_F(One, an_acquire_past_its_deadline_takes_an_idle_connection_but_never_waits) {
  EXPECT_EQ(pool.acquire(0s).kind, Acquired::Kind::granted);
  const Acquired late = pool.acquire(0s);
  EXPECT_EQ(late.kind, Acquired::Kind::rejected);
  EXPECT_EQ(late.error, WaitError::timeout);
}

TEST_F(One, a_try_takes_an_idle_connection_or_leaves_no_trace) {
  const auto leased = pool.try_acquire();
  ASSERT_TRUE(leased);
  EXPECT_EQ(pool.stats().leased, 1U);
  EXPECT_EQ(pool.stats().requests_num, 1U);
  const PoolStats before = pool.stats();
  EXPECT_EQ(pool.try_acquire(), std::nullopt);
  EXPECT_TRUE(pool.actions().empty());
  EXPECT_EQ(pool.stats(), before);
  pool.release(*leased);
  EXPECT_TRUE(pool.try_acquire());
}

TEST_F(One, a_try_gets_nothing_from_a_suspended_or_closed_pool) {
  pool.suspend();
  EXPECT_EQ(pool.try_acquire(), std::nullopt);
  pool.resume();
  pool.close();
  EXPECT_EQ(pool.try_acquire(), std::nullopt);
  EXPECT_EQ(pool.stats().requests_errors, 0U);
}

TEST(Growing, a_try_opens_nothing) {
  Script pool{{.min_size = 0, .max_size = 2}};
  EXPECT_EQ(pool.try_acquire(), std::nullopt);
  EXPECT_TRUE(pool.actions().empty());
}

TEST_F(One, a_waiter_gets_the_connection_that_comes_back) {
  const ConnectionId leased = pool.lease();
  const WaiterId waiter = pool.wait();
  pool.pass(5ms);
  pool.release(leased);
  EXPECT_EQ(pool.actions(), Actions{grant(waiter, leased)});
  EXPECT_EQ(pool.accept(waiter), leased);
  EXPECT_EQ(pool.accept(waiter), std::nullopt);
  EXPECT_EQ(pool.stats().requests_wait, 5ms);
}

TEST_F(One, accept_leaves_a_waiter_that_still_waits_in_the_queue) {
  pool.lease();
  const WaiterId waiter = pool.wait();
  EXPECT_EQ(pool.accept(waiter), std::nullopt);
  EXPECT_EQ(pool.stats().requests_waiting, 1U);
}

TEST_F(One, a_waiter_fails_at_its_deadline) {
  pool.lease();
  const WaiterId waiter = pool.wait(1s);
  EXPECT_LE(pool.next_deadline(), pool.now() + 1s);
  pool.pass(1s);
  pool.tick();
  EXPECT_EQ(pool.actions(), Actions{fail(waiter, WaitError::timeout)});
  EXPECT_EQ(pool.stats().requests_errors, 1U);
}

TEST_F(One, a_waiter_without_a_deadline_waits_for_ever) {
  pool.lease();
  pool.wait(pool::never - pool.now());
  pool.run(1000h);
  EXPECT_EQ(pool.stats().requests_waiting, 1U);
}

TEST_F(One, cancel_says_what_the_waiter_was) {
  const ConnectionId leased = pool.lease();
  const WaiterId a = pool.wait();
  const WaiterId b = pool.wait();
  EXPECT_EQ(pool.cancel(a).kind, Cancelled::Kind::cancelled);
  EXPECT_EQ(pool.cancel(a).kind, Cancelled::Kind::unknown);
  pool.release(leased);
  const Cancelled granted = pool.cancel(b);
  EXPECT_EQ(granted.kind, Cancelled::Kind::granted);
  EXPECT_EQ(granted.connection, leased);
  EXPECT_EQ(pool.stats().requests_cancelled, 1U);
}

TEST_F(One, a_stale_waiter_is_never_taken_for_the_one_that_has_its_place) {
  const ConnectionId leased = pool.lease();
  const WaiterId old = pool.wait();
  pool.cancel(old);
  const WaiterId young = pool.wait();
  ASSERT_EQ(young.slot, old.slot);
  EXPECT_EQ(pool.cancel(old).kind, Cancelled::Kind::unknown);
  pool.release(leased);
  EXPECT_EQ(pool.accept(old), std::nullopt);
  EXPECT_EQ(pool.accept(young), leased);
}

TEST_F(One, release_with_needs_reset_wipes_the_session_before_the_next_lease) {
  const ConnectionId leased = pool.lease();
  const WaiterId waiter = pool.wait();
  pool.release(leased, Disposition::needs_reset);
  EXPECT_EQ(pool.actions(), Actions{reset(leased)});
  pool.reset_done(leased);
  EXPECT_EQ(pool.actions(), Actions{grant(waiter, leased)});
  EXPECT_EQ(pool.stats().resets_num, 1U);
}

TEST_F(One, a_discarded_connection_is_closed_and_replaced) {
  const ConnectionId leased = pool.lease();
  pool.release(leased, Disposition::discard);
  EXPECT_EQ(pool.actions(), Actions{close(leased, CloseReason::discarded)});  // its place is not free yet
  pool.closed(leased);
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
  EXPECT_EQ(pool.stats().returns_bad, 1U);
  EXPECT_EQ(pool.stats().connections_lost, 0U);
}

TEST(Release, a_broken_connection_ends_the_epoch) {
  for (const Disposition how : {Disposition::broken, Disposition::demoted}) {
    Script pool({.min_size = 3, .max_size = 6});
    pool.connect_all();
    const ConnectionId dead = pool.lease();
    const ConnectionId other = pool.lease();
    const ConnectionId idle = pool.in_state(sim::Model::State::idle).at(0);
    pool.release(dead, how);
    EXPECT_EQ(pool.actions().at(0),
              close(dead, how == Disposition::broken ? CloseReason::broken : CloseReason::demoted));
    EXPECT_EQ(pool.actions().at(1), close(idle, CloseReason::stale_epoch));
    EXPECT_EQ(pool.count(ActionKind::open), 2U);  // the other one still counts, until it comes back
    pool.connect_all();
    pool.release(other);
    EXPECT_EQ(pool.actions().at(0), close(other, CloseReason::stale_epoch));
    EXPECT_EQ(pool.stats().pool_available, 2U);
  }
}

TEST(Release, a_broken_connection_of_an_older_epoch_ends_nothing) {
  Script pool({.min_size = 2, .max_size = 4});
  pool.connect_all();
  const ConnectionId first = pool.lease();
  const ConnectionId second = pool.lease();
  pool.release(first, Disposition::broken);
  pool.connect_all();
  const std::uint32_t idle = pool.stats().pool_available;
  ASSERT_GT(idle, 0U);
  pool.release(second, Disposition::broken);
  EXPECT_GE(pool.stats().pool_available, idle);
}

TEST(Reacquire, a_lease_that_was_dead_keeps_its_place_before_all_who_came_later) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId dead = pool.lease();
  const WaiterId later = pool.wait();
  const Acquired again = pool.reacquire(dead);
  ASSERT_EQ(again.kind, Acquired::Kind::queued);
  pool.close_all();
  pool.connect_all();
  const ConnectionId fresh = *pool.accept(again.waiter);
  pool.release(fresh);
  EXPECT_EQ(pool.actions(), Actions{grant(later, fresh)});
  EXPECT_EQ(pool.stats().connections_lost, 1U);
  EXPECT_EQ(pool.stats().requests_num, 2U);
}

TEST(Reacquire, a_request_is_counted_once_as_queued_however_often_it_waits) {
  Script pool({.min_size = 1, .max_size = 1});
  const WaiterId first = pool.wait();
  pool.connect_all();
  const ConnectionId dead = pool.accept(first).value();
  EXPECT_EQ(pool.reacquire(dead).kind, Acquired::Kind::queued);
  EXPECT_EQ(pool.stats().requests_num, 1U);
  EXPECT_EQ(pool.stats().requests_queued, 1U);
}

TEST(Reacquire, a_request_that_was_served_at_once_and_waits_now_is_counted_as_queued) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  EXPECT_EQ(pool.reacquire(pool.lease()).kind, Acquired::Kind::queued);
  EXPECT_EQ(pool.stats().requests_queued, 1U);
}

TEST(Reacquire, a_stale_id_is_a_new_request) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  EXPECT_EQ(pool.reacquire({0, 77}).kind, Acquired::Kind::granted);
  EXPECT_EQ(pool.stats().requests_num, 1U);
}

TEST(Reacquire, it_is_not_refused_by_max_waiting) {
  Script pool({.min_size = 1, .max_size = 1, .max_waiting = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  pool.wait();
  EXPECT_EQ(pool.acquire().error, WaitError::too_many_waiting);
  EXPECT_EQ(pool.reacquire(leased).kind, Acquired::Kind::queued);
}

TEST(Suspend, nothing_is_granted_until_resume_and_then_in_order) {
  Script pool({.min_size = 2, .max_size = 2});
  pool.connect_all();
  pool.suspend();
  const WaiterId a = pool.wait();
  const WaiterId b = pool.wait();
  EXPECT_TRUE(pool.actions().empty());
  pool.resume();
  ASSERT_EQ(pool.actions().size(), 2U);
  EXPECT_EQ(pool.actions()[0].waiter, a);
  EXPECT_EQ(pool.actions()[1].waiter, b);
}

TEST(Suspend, waiters_still_time_out_and_ask_for_no_connects) {
  Script pool({.min_size = 0, .max_size = 2});
  pool.suspend();
  const WaiterId waiter = pool.wait(1s);
  EXPECT_EQ(pool.count(ActionKind::open), 0U);
  pool.run(1s);
  EXPECT_EQ(pool.actions(), Actions{fail(waiter, WaitError::timeout)});
}

TEST(Close, every_waiter_fails_and_everything_but_the_leases_is_closed_in_that_call) {
  Script pool({.min_size = 2, .max_size = 3, .num_workers = 1});
  pool.connect_all();
  const ConnectionId first = pool.lease();
  const ConnectionId second = pool.lease();
  const WaiterId waiter = pool.wait();
  const ConnectionId connecting = pool.in_state(sim::Model::State::connecting).at(0);
  pool.release(second, Disposition::needs_reset);
  pool.close();
  EXPECT_EQ(pool.actions().at(0), fail(waiter, WaitError::closed));
  EXPECT_EQ(pool.count(ActionKind::close), 2U);
  pool.connected(connecting);
  pool.close_all();
  EXPECT_FALSE(pool.core().finished());
  pool.release(first);
  EXPECT_EQ(pool.actions(), Actions{close(first, CloseReason::pool_closed)});
  pool.close_all();
  EXPECT_TRUE(pool.core().finished());
  pool.close();  // again
  EXPECT_TRUE(pool.actions().empty());
}

TEST(Cut, leases_are_taken_away_and_their_release_is_stale) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  pool.close();
  pool.cut();
  EXPECT_EQ(pool.actions(), Actions{close(leased, CloseReason::pool_closed)});
  EXPECT_FALSE(pool.release(leased));
  pool.closed(leased);
  EXPECT_TRUE(pool.core().finished());
}

TEST(Time, a_clock_that_runs_backwards_stands_still) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  pool.pass(10s);
  const ConnectionId leased = pool.lease();
  pool.pass(-5s);
  pool.release(leased);
  EXPECT_EQ(pool.stats().usage, 0s);
  EXPECT_EQ(pool.core().state_since(leased), pool.now() + 5s);
}

}  // namespace
}  // namespace copg::test
