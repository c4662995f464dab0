// tick, resize, drain, check_all and the background's answers: how long a connection lives.
#include "script.hpp"

namespace copg::test {
namespace {

using State = sim::Model::State;

TEST(Idle, the_connection_used_last_is_granted_first) {
  Script pool({.min_size = 3, .max_size = 3});
  pool.connect_all();
  const ConnectionId a = pool.lease();
  const ConnectionId b = pool.lease();
  pool.release(b);
  pool.release(a);
  EXPECT_EQ(pool.lease(), a);
  EXPECT_EQ(pool.lease(), b);
}

TEST(Idle, surplus_connections_are_closed_after_max_idle_from_the_cold_end) {
  Script pool({.min_size = 1, .max_size = 3, .max_idle = 60s});
  pool.connect_all();
  const ConnectionId a = pool.lease();
  const std::vector<WaiterId> waiters{pool.wait(), pool.wait()};
  pool.connect_all();
  const ConnectionId b = *pool.accept(waiters[0]);
  const ConnectionId c = *pool.accept(waiters[1]);
  pool.release(b);
  pool.pass(1s);
  pool.release(c);
  pool.pass(1s);
  pool.release(a);
  pool.run(58s);
  EXPECT_EQ(pool.actions(), Actions{close(b, CloseReason::idle)});
  pool.run(1s);
  EXPECT_EQ(pool.actions(), Actions{close(c, CloseReason::idle)});
  pool.run(600s);
  EXPECT_EQ(pool.count(ActionKind::close), 0U) << "min_size stays";
}

TEST(Idle, min_idle_connections_are_kept_ready) {
  Script pool({.min_size = 0, .max_size = 4, .min_idle = 2, .max_idle = 1s});
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_available, 2U);
  pool.lease();
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
  pool.connect_all();
  pool.run(60s);
  EXPECT_EQ(pool.stats().pool_available, 2U);
}

TEST(Lifetime, a_replacement_is_opened_before_the_old_connection_is_closed) {
  Script pool({.min_size = 1, .max_size = 2, .max_idle = 4000s, .max_lifetime = 1000s});
  pool.connect_all();
  const ConnectionId old = pool.in_state(State::idle).at(0);
  pool.run(889s);
  EXPECT_TRUE(pool.actions().empty());
  pool.run(111s - 10s);
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
  pool.connect_all();
  pool.run(10s);
  EXPECT_EQ(pool.stats().pool_size, 1U);
  EXPECT_NE(pool.lease(), old);
}

TEST(Lifetime, a_lease_that_outlives_it_is_closed_at_its_release) {
  Script pool({.min_size = 1, .max_size = 1, .max_lifetime = 100s});
  pool.connect_all();
  const ConnectionId old = pool.lease();
  pool.run(101s);
  EXPECT_EQ(pool.count(ActionKind::close), 0U);
  pool.release(old);
  EXPECT_EQ(pool.actions().at(0), close(old, CloseReason::lifetime));
}

TEST(Lifetime, an_expired_connection_is_not_granted_even_before_a_tick_could_close_it) {
  Script pool({.min_size = 1, .max_size = 1, .max_lifetime = 100s});
  pool.connect_all();
  pool.pass(100s);
  EXPECT_EQ(pool.acquire().kind, Acquired::Kind::queued);
  EXPECT_EQ(pool.count(ActionKind::close), 1U);
}

TEST(Lifetime, forever_is_forever) {
  Script pool({.min_size = 1, .max_size = 1, .max_lifetime = pool::forever});
  pool.connect_all();
  EXPECT_EQ(pool.run(100000h), 0);
  EXPECT_EQ(pool.stats().pool_available, 1U);
}

TEST(Resize, a_larger_min_size_opens_at_once) {
  Script pool({.min_size = 1, .max_size = 2, .num_workers = 8});
  pool.connect_all();
  pool.resize(5, 9);
  EXPECT_EQ(pool.count(ActionKind::open), 4U);
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_size, 5U);
  EXPECT_EQ(pool.stats().pool_min, 5U);
  EXPECT_EQ(pool.stats().pool_max, 9U);
}

TEST(Resize, a_smaller_max_size_closes_the_coldest_idle_ones_now_and_leases_as_they_come_back) {
  Script pool({.min_size = 4, .max_size = 4});
  pool.connect_all();
  const ConnectionId a = pool.lease();
  const ConnectionId b = pool.lease();
  const ConnectionId coldest = pool.in_state(State::idle).at(0);
  pool.resize(1, 3);
  EXPECT_EQ(pool.actions(), Actions{close(coldest, CloseReason::surplus)});
  pool.resize(1, 1);
  EXPECT_EQ(pool.count(ActionKind::close), 1U);
  pool.close_all();
  pool.release(a);
  EXPECT_EQ(pool.actions(), Actions{close(a, CloseReason::surplus)});
  pool.release(b);  // fits, although the socket of the other is not closed yet
  EXPECT_TRUE(pool.actions().empty());
  EXPECT_EQ(pool.stats().pool_available, 1U);
}

TEST(Resize, connects_in_flight_above_max_size_are_given_up) {
  Script pool({.min_size = 3, .max_size = 3});
  pool.resize(1, 1);
  EXPECT_EQ(pool.count(ActionKind::close), 2U);
  EXPECT_EQ(pool.stats().connecting, 1U);
}

TEST(Drain, idle_connections_are_closed_now_and_all_others_as_they_come_back) {
  Script pool({.min_size = 2, .max_size = 4});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const ConnectionId idle = pool.in_state(State::idle).at(0);
  pool.drain();
  EXPECT_EQ(pool.actions().at(0), close(idle, CloseReason::drained));
  pool.connect_all();
  pool.release(leased, Disposition::needs_reset);
  EXPECT_EQ(pool.actions().at(0), close(leased, CloseReason::drained));
}

TEST(Check, idle_connections_are_checked_num_workers_at_a_time_coldest_first) {
  Script pool({.min_size = 4, .max_size = 4, .num_workers = 2});
  pool.connect_all();
  const auto idle = pool.in_state(State::idle);  // in the order of their connects, so the coldest first
  pool.check_all();
  EXPECT_EQ(pool.actions(), (Actions{check(idle[0]), check(idle[1])}));
  EXPECT_EQ(pool.core().checks_pending(), 4U);
  pool.check_done(idle[1]);
  EXPECT_EQ(pool.actions(), Actions{check(idle[2])});
}

TEST(Check, a_lease_needs_no_check_any_more) {
  Script pool({.min_size = 2, .max_size = 2, .num_workers = 1});
  pool.connect_all();
  pool.check_all();
  EXPECT_EQ(pool.core().checks_pending(), 2U);
  pool.lease();
  EXPECT_EQ(pool.core().checks_pending(), 1U);
}

TEST(Check, a_checked_connection_goes_back_to_its_place_and_stays_as_cold_as_it_was) {
  Script pool({.min_size = 0, .max_size = 2, .max_idle = 60s});
  const std::vector<WaiterId> waiters{pool.wait(), pool.wait()};
  pool.connect_all();
  const ConnectionId cold = *pool.accept(waiters[0]);
  const ConnectionId warm = *pool.accept(waiters[1]);
  pool.release(cold);
  pool.pass(1s);
  pool.release(warm);
  pool.pass(58s);
  pool.check_all();
  pool.check_done(cold);
  pool.check_done(warm);
  pool.run(1s);
  EXPECT_EQ(pool.actions(), Actions{close(cold, CloseReason::idle)});
  EXPECT_EQ(pool.lease(), warm);
}

TEST(HangUp, on_an_idle_connection_is_checked_at_once_beside_all_other_checks) {
  Script pool({.min_size = 3, .max_size = 3, .num_workers = 1});
  pool.connect_all();
  const auto idle = pool.in_state(State::idle);
  pool.check_all();
  pool.hung_up(idle[2]);
  EXPECT_EQ(pool.actions(), Actions{check(idle[2])});
  EXPECT_EQ(pool.stats().pool_available, 1U);
  EXPECT_NE(pool.lease(), idle[2]);
}
TEST(HangUp, that_says_nothing_of_the_others_costs_one_connection) {
  Script pool({.min_size = 3, .max_size = 3});
  pool.connect_all();
  const ConnectionId gone = pool.in_state(State::idle).front();
  pool.hung_up(gone);
  pool.check_done(gone, Disposition::lost);
  EXPECT_EQ(pool.named(ActionKind::close), std::vector<ConnectionId>{gone});
  EXPECT_EQ(pool.stats().connections_lost, 1U);
  EXPECT_EQ(pool.stats().pool_available, 2U);
  pool.closed(gone);
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
}
TEST(HangUp, that_says_that_the_server_ends_ends_the_epoch) {
  Script pool({.min_size = 3, .max_size = 3});
  pool.connect_all();
  const ConnectionId gone = pool.in_state(State::idle).front();
  pool.hung_up(gone);
  pool.check_done(gone, Disposition::broken);
  EXPECT_EQ(pool.count(ActionKind::close), 3U);
}
TEST(HangUp, on_a_lease_is_its_callers_to_find_out_but_nobody_has_the_connection_again) {
  for (const Disposition how : {Disposition::clean, Disposition::needs_reset}) {
    Script pool({.min_size = 2, .max_size = 2});
    pool.connect_all();
    const ConnectionId mine = pool.lease();
    pool.hung_up(mine);
    EXPECT_EQ(pool.actions(), Actions{});
    pool.release(mine, how);
    EXPECT_EQ(pool.actions(), Actions{close(mine, CloseReason::broken)});
    EXPECT_EQ(pool.stats().connections_lost, 1U);
    EXPECT_EQ(pool.stats().returns_bad, 0U) << "its caller did not find it dead";
  }
}
TEST(HangUp, while_a_connection_is_reset_or_checked_ends_it_whatever_that_says) {
  Script pool({.min_size = 0, .max_size = 1});
  const WaiterId waiter = pool.wait();
  pool.connect_all();
  const ConnectionId only = *pool.accept(waiter);
  pool.release(only, Disposition::needs_reset);
  pool.hung_up(only);
  pool.reset_done(only);
  EXPECT_EQ(pool.actions(), Actions{close(only, CloseReason::broken)});
}
TEST(HangUp, of_a_connection_that_is_gone_is_not_the_next_ones_in_its_slot) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId old = pool.in_state(State::idle).front();
  pool.hung_up(old);
  pool.check_done(old, Disposition::lost);
  pool.closed(old);
  pool.connect_all();
  pool.hung_up(old);
  EXPECT_EQ(pool.actions(), Actions{});
  const ConnectionId next = pool.lease();
  EXPECT_EQ(next.slot, old.slot);
  pool.release(next);
  EXPECT_EQ(pool.stats().pool_available, 1U);
}

TEST(Check, a_dead_connection_ends_the_epoch) {
  Script pool({.min_size = 3, .max_size = 3, .num_workers = 1});
  pool.connect_all();
  pool.check_all();
  pool.check_done(pool.named(ActionKind::check).at(0), Disposition::broken);
  EXPECT_EQ(pool.count(ActionKind::close), 3U);
  EXPECT_EQ(pool.core().checks_pending(), 0U);
}

TEST(Answers, an_answer_that_nobody_asked_for_changes_nothing) {
  Script pool({.min_size = 1, .max_size = 2});
  pool.connect_all();
  const ConnectionId idle = pool.in_state(State::idle).at(0);
  const PoolStats before = pool.stats();
  for (const ConnectionId id : {idle, ConnectionId{0, 99}, ConnectionId{99, 1}, ConnectionId{1, 0}}) {
    pool.connected(id);
    pool.connect_failed(id);
    pool.reset_done(id, Disposition::broken);
    pool.check_done(id, Disposition::broken);
    pool.closed(id);
    EXPECT_FALSE(pool.release(id));
  }
  EXPECT_EQ(pool.stats(), before);
}

TEST(Returns, that_must_be_worked_on_go_through_a_reset_clean_or_not) {
  Script pool({.min_size = 1, .max_size = 1, .work_on_returns = true});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId waiter = pool.wait();
  pool.release(leased);
  EXPECT_EQ(pool.named(ActionKind::reset), std::vector<ConnectionId>{leased});
  pool.reset_done(leased);
  EXPECT_EQ(pool.accept(waiter), leased);
}

TEST(Detach, a_connection_that_leaves_the_pool_makes_room_for_another_and_is_not_closed) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId waiter = pool.wait();
  EXPECT_TRUE(pool.detach(leased));
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
  EXPECT_EQ(pool.count(ActionKind::close), 0U);
  EXPECT_EQ(pool.stats().connections_detached, 1U);
  EXPECT_EQ(pool.stats().leased, 0U);
  EXPECT_FALSE(pool.release(leased)) << "the id is stale";
  EXPECT_FALSE(pool.detach(leased));
  pool.connect_all();
  EXPECT_TRUE(pool.accept(waiter));
}

}  // namespace
}  // namespace copg::test
