// How many connects, when, and what follows when they fail.
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
