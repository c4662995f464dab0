// How many connects, when, and what follows when they fail.
#include <algorithm>

#include "script.hpp"

namespace copg::test {
namespace {

using State = sim::Model::State;

TEST(Growth, the_first_tick_opens_min_size_num_workers_at_a_time) {
  Script pool({.min_size = 5, .max_size = 10, .num_workers = 3});
  EXPECT_EQ(pool.count(ActionKind::open), 3U);
  pool.connected(pool.in_state(State::connecting).at(0));
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_available, 5U);
}

TEST(Growth, there_is_a_connect_for_each_waiter_and_none_beyond_max_size) {
  Script pool({.min_size = 0, .max_size = 3, .num_workers = 8});
  for (int i = 0; i < 5; ++i) pool.wait();
  EXPECT_EQ(pool.stats().connecting, 3U);
}

TEST(Growth, a_cancelled_waiter_does_not_cancel_the_connect_it_caused) {
  Script pool({.min_size = 0, .max_size = 3});
  const WaiterId waiter = pool.wait();
  pool.cancel(waiter);
  EXPECT_EQ(pool.stats().connecting, 1U);
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_available, 1U);
}

TEST(Growth, a_waiter_counts_on_a_reset_for_100_ms_and_not_longer) {
  Script pool({.min_size = 1, .max_size = 2});
  pool.connect_all();
  pool.release(pool.lease(), Disposition::needs_reset);
  pool.wait();
  EXPECT_EQ(pool.count(ActionKind::open), 0U);
  pool.run(99ms);
  EXPECT_EQ(pool.count(ActionKind::open), 0U);
  pool.run(1ms);
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
}

/// Fails every connect in flight, `times` times, and each time goes on to the next attempt. Returns the
/// longest time from a failure to that.
Duration fail_repeatedly(Script& pool, int times, ConnectFailure failure = ConnectFailure::transient) {
  Duration longest{};
  for (int failures = 0; failures < times; ++failures) {
    for (const ConnectionId id : pool.in_state(State::connecting)) pool.connect_failed(id, failure);
    const TimePoint failed = pool.now();
    for (int ticks = 0; pool.in_state(State::connecting).empty() && ticks < 100; ++ticks)
      pool.run(pool.next_deadline() - pool.now());
    longest = std::max(longest, pool.now() - failed);
  }
  return longest;
}

TEST(Backoff, failed_connects_are_tried_again_ever_more_slowly_and_for_ever) {
  Script pool({.min_size = 1, .max_size = 1});
  Duration longest{};
  for (int failures = 1; failures <= 200; ++failures) {
    const ConnectionId id = pool.in_state(State::connecting).at(0);
    pool.connect_failed(id);
    const TimePoint failed = pool.now();
    for (int ticks = 0; pool.in_state(State::connecting).empty(); ++ticks) {
      ASSERT_LT(ticks, 10);
      pool.run(pool.next_deadline() - pool.now());
    }
    const Duration waited = pool.now() - failed;
    EXPECT_LE(waited, std::min<Duration>(5s, 10ms * (1 << std::min(failures - 1, 20))));
    longest = std::max(longest, waited);
  }
  EXPECT_GT(longest, 4s);
}

TEST(Backoff, the_next_connect_comes_within_150_ms_while_somebody_waits) {
  Script pool({.min_size = 1, .max_size = 1});
  pool.wait(1h);
  const Duration longest = fail_repeatedly(pool, 200);
  EXPECT_LE(longest, 150ms);
  EXPECT_GT(longest, 100ms);
}

TEST(Backoff, the_next_connect_comes_within_50_ms_while_somebody_waits_and_this_machine_refuses) {
  Script pool({.min_size = 1, .max_size = 1});
  const WaiterId waiter = pool.wait(1h);
  const Duration longest = fail_repeatedly(pool, 200, ConnectFailure::refused_near);
  EXPECT_LE(longest, 50ms);
  EXPECT_GT(longest, 40ms);
  pool.cancel(waiter);
  EXPECT_GT(fail_repeatedly(pool, 200, ConnectFailure::refused_near), 4s) << "nobody asks any more";
}

TEST(Backoff, a_request_brings_the_next_connect_forward) {
  Script pool({.min_size = 1, .max_size = 1, .seed = 5});
  fail_repeatedly(pool, 20);
  pool.connect_failed(pool.in_state(State::connecting).at(0));
  pool.run(201ms);
  ASSERT_TRUE(pool.in_state(State::connecting).empty()) << "the lot was too short: take another seed";
  pool.wait();
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
}

TEST(Backoff, somebody_who_waits_for_the_pool_to_be_full_brings_the_next_connect_forward) {
  Script pool({.min_size = 1, .max_size = 1, .seed = 5});
  fail_repeatedly(pool, 20);
  pool.connect_failed(pool.in_state(State::connecting).at(0));
  pool.run(201ms);
  ASSERT_TRUE(pool.in_state(State::connecting).empty()) << "the lot was too short: take another seed";
  pool.set_awaited(true);
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
  EXPECT_LE(fail_repeatedly(pool, 20), 150ms);
  pool.set_awaited(false);
  EXPECT_GT(fail_repeatedly(pool, 20), 3s);
}

TEST(Backoff, a_check_ends_it_and_begins_the_delays_anew) {
  for (const ConnectFailure failure :
       {ConnectFailure::transient, ConnectFailure::overloaded, ConnectFailure::configuration}) {
    Script pool({.min_size = 1, .max_size = 1});
    fail_repeatedly(pool, 20, failure);
    pool.connect_failed(pool.in_state(State::connecting).at(0), failure);
    pool.check_all();
    EXPECT_EQ(pool.count(ActionKind::open), 1U);
    pool.connect_failed(pool.in_state(State::connecting).at(0));
    pool.run(10ms);
    EXPECT_EQ(pool.stats().connecting, 1U);
  }
}

TEST(Backoff, there_is_one_connect_at_a_time_until_one_succeeds) {
  Script pool({.min_size = 0, .max_size = 8, .num_workers = 4});
  for (int i = 0; i < 6; ++i) pool.wait();
  for (int i = 0; i < 50; ++i) {
    fail_repeatedly(pool, 1);
    ASSERT_EQ(pool.stats().connecting, 1U);
  }
  pool.connected(pool.in_state(State::connecting).at(0));
  EXPECT_EQ(pool.stats().connecting, 4U);
}

TEST(Backoff, a_connect_that_hangs_does_not_hold_up_the_next) {
  Script pool({.min_size = 0, .max_size = 8, .num_workers = 3, .hang_after = 2s});
  for (int i = 0; i < 6; ++i) pool.wait(1h);
  fail_repeatedly(pool, 10);
  ASSERT_EQ(pool.stats().connecting, 1U);
  const ConnectionId hangs = pool.in_state(State::connecting).at(0);
  pool.run(1999ms);
  EXPECT_EQ(pool.stats().connecting, 1U);
  pool.run(1ms);
  ASSERT_EQ(pool.stats().connecting, 2U);
  // The new one is refused, and so are those after it: they follow each other beside the one that hangs.
  for (int i = 0; i < 20; ++i) {
    for (const ConnectionId id : pool.in_state(State::connecting)) {
      if (id != hangs) pool.connect_failed(id);
    }
    pool.run(250ms);
    ASSERT_EQ(pool.stats().connecting, 2U);
  }
  pool.run(30s);
  EXPECT_EQ(pool.stats().connecting, 3U) << "num_workers at most";
}

TEST(Backoff, a_full_server_is_tried_within_1_s_while_somebody_waits_and_no_connection_is_open) {
  Script pool({.min_size = 0, .max_size = 2});
  pool.wait(1h);
  EXPECT_LE(fail_repeatedly(pool, 50, ConnectFailure::overloaded), 1s);
  pool.connected(pool.in_state(State::connecting).at(0));
  pool.wait(1h);  // for the second
  EXPECT_GT(fail_repeatedly(pool, 50, ConnectFailure::overloaded), 4s)
      << "what is open serves those who wait";
}

TEST(Backoff, a_success_forgets_the_failures) {
  Script pool({.min_size = 1, .max_size = 2});
  for (int i = 0; i < 20; ++i) {
    pool.connect_failed(pool.in_state(State::connecting).at(0));
    pool.run(5s);
  }
  pool.connect_all();
  pool.lease();
  pool.wait();
  pool.connect_failed(pool.in_state(State::connecting).at(0));
  pool.run(10ms);
  EXPECT_EQ(pool.stats().connecting, 1U);
}

TEST(Backoff, an_overloaded_server_gets_one_connect_at_a_time_until_one_succeeds) {
  Script pool({.min_size = 0, .max_size = 8, .num_workers = 4});
  for (int i = 0; i < 6; ++i) pool.wait();
  for (const ConnectionId id : pool.in_state(State::connecting))
    pool.connect_failed(id, ConnectFailure::overloaded);
  EXPECT_EQ(pool.stats().connecting, 0U);
  pool.run(124ms);
  EXPECT_EQ(pool.stats().connecting, 0U);
  pool.run(130ms);
  ASSERT_EQ(pool.stats().connecting, 1U);
  pool.connected(pool.in_state(State::connecting).at(0));
  EXPECT_EQ(pool.stats().connecting, 4U);
}

TEST(Backoff, a_configuration_failure_fails_all_waiters_at_once_if_no_connection_is_open) {
  Script pool({.min_size = 0, .max_size = 2, .num_workers = 1, .seed = 3});
  const WaiterId a = pool.wait();
  const WaiterId b = pool.wait();
  pool.connect_failed(pool.in_state(State::connecting).at(0), ConnectFailure::configuration);
  EXPECT_EQ(pool.actions(),
            (Actions{fail(a, WaitError::connect_failed), fail(b, WaitError::connect_failed)}));
  EXPECT_EQ(pool.acquire().error, WaitError::connect_failed);
  pool.pass(10ms);  // the backoff is over: the next one is worth a try
  EXPECT_EQ(pool.acquire().kind, Acquired::Kind::queued);
  EXPECT_EQ(pool.count(ActionKind::open), 1U);
}

TEST(Backoff, a_configuration_failure_leaves_the_waiters_alone_while_a_connection_is_open) {
  Script pool({.min_size = 1, .max_size = 2});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId waiter = pool.wait();
  pool.connect_failed(pool.in_state(State::connecting).at(0), ConnectFailure::configuration);
  EXPECT_EQ(pool.count(ActionKind::fail), 0U);
  pool.release(leased);
  EXPECT_EQ(pool.actions().at(0), grant(waiter, leased));
}

TEST(Patience, ends_for_those_who_wait_and_then_for_newcomers_at_once) {
  Script pool({.min_size = 1, .max_size = 2, .outage_patience = 2s});
  const WaiterId early = pool.wait();
  pool.connect_failed(pool.in_state(State::connecting).at(0));  // the outage begins
  pool.run(1999ms);
  EXPECT_EQ(pool.count(ActionKind::fail), 0U);
  const WaiterId late = pool.wait();
  pool.run(1ms);
  const Actions actions = pool.actions();
  EXPECT_TRUE(std::ranges::count(actions, fail(early, WaitError::connect_failed)) == 1 &&
              std::ranges::count(actions, fail(late, WaitError::connect_failed)) == 1)
      << ::testing::PrintToString(actions);
  EXPECT_EQ(pool.acquire().error, WaitError::connect_failed);
}

TEST(Patience, is_there_again_after_a_connect_that_the_background_made_although_nothing_is_kept_open) {
  Script pool({.min_size = 0, .max_size = 2, .outage_patience = 0s});
  pool.wait();
  pool.connect_failed(pool.in_state(State::connecting).at(0));
  EXPECT_EQ(pool.acquire().error, WaitError::connect_failed);
  pool.run(5s);
  ASSERT_EQ(pool.in_state(State::connecting).size(), 1U);
  EXPECT_EQ(pool.acquire().error, WaitError::connect_failed);
  pool.connected(pool.in_state(State::connecting).at(0));
  EXPECT_EQ(pool.acquire().kind, Acquired::Kind::granted);
  EXPECT_EQ(pool.acquire().kind, Acquired::Kind::queued);
}

TEST(Patience, does_not_end_while_a_connection_is_open) {
  Script pool({.min_size = 1, .max_size = 2, .outage_patience = 1s});
  pool.connect_all();
  const ConnectionId leased = pool.lease();
  const WaiterId waiter = pool.wait();
  pool.connect_failed(pool.in_state(State::connecting).at(0));
  pool.run(3s);
  EXPECT_EQ(pool.count(ActionKind::fail), 0U);
  pool.release(leased, Disposition::broken);
  EXPECT_EQ(pool.actions().at(0), fail(waiter, WaitError::connect_failed));
}

TEST(Backoff, an_outage_is_reported_each_time_it_has_lasted_for_reconnect_timeout) {
  Script pool({.min_size = 1, .max_size = 1, .reconnect_timeout = 60s});
  std::size_t reports = 0;
  for (int second = 0; second < 200; ++second) {
    for (const ConnectionId id : pool.in_state(State::connecting)) pool.connect_failed(id);
    pool.run(1s);
    reports += pool.count(ActionKind::report_outage);
  }
  EXPECT_EQ(reports, 3U);
}

TEST(Backoff, an_outage_is_reported_on_time_although_a_connect_hangs) {
  Script pool({.min_size = 1, .max_size = 1, .reconnect_timeout = 2s});
  pool.connect_failed(pool.in_state(State::connecting).at(0));
  pool.run(1999ms);
  EXPECT_EQ(pool.count(ActionKind::report_outage), 0U);
  pool.run(1ms);
  EXPECT_EQ(pool.count(ActionKind::report_outage), 1U);
}

TEST(Core, the_same_seed_and_inputs_give_the_same_jitter_and_another_seed_another) {
  const auto first_retry = [](std::uint64_t seed) {
    Script pool({.min_size = 1, .max_size = 1, .seed = seed});
    pool.connect_failed(pool.in_state(State::connecting).at(0));
    return pool.next_deadline();
  };
  EXPECT_EQ(first_retry(1), first_retry(1));
  EXPECT_NE(first_retry(1), first_retry(2));
}

}  // namespace
}  // namespace copg::test
