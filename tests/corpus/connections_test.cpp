// The corpus, second half: bugs of other pools in how many connections there are, and how long they live.
// Each test names its row of docs/reference/invariants.md.
#include "script.hpp"

namespace copg::test {
namespace {

using State = sim::Model::State;

// B7: a stale notification made more connects than there was demand.
TEST(Corpus, one_request_on_an_empty_pool_makes_one_connect) {
  Script pool({.min_size = 0, .max_size = 10});
  const WaiterId first = pool.wait();
  const ConnectionId opened = pool.named(ActionKind::open).at(0);
  pool.connected(opened);
  pool.accept(first);
  pool.release(opened, Disposition::broken);
  pool.close_all();
  const std::uint64_t before = pool.stats().connections_num;
  pool.wait();
  EXPECT_EQ(pool.stats().connections_num, before + 1);
  pool.run(10s);
  EXPECT_EQ(pool.stats().connections_num, before + 1);
}

// B8: "is there room?" and "create" with a slow connect in between exceeded max_size.
TEST(Corpus, slow_connects_never_exceed_max_size) {
  Script pool({.min_size = 0, .max_size = 3, .num_workers = 8});
  for (int i = 0; i < 20; ++i) {
    pool.wait();
    pool.pass(10ms);
  }
  EXPECT_EQ(pool.stats().connecting, 3U);
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_size, 3U);
}

// B9: the timeout of a connect abandoned its socket, which was finished later and belonged to nobody.
TEST(Corpus, a_connect_that_succeeds_after_its_waiter_gave_up_belongs_to_the_pool) {
  for (const Duration late : {-1ns, 0ns, 1ns}) {
    Script pool({.min_size = 0, .max_size = 1});
    pool.wait(1s);
    const ConnectionId opened = pool.named(ActionKind::open).at(0);
    pool.pass(1s + late);
    if (late >= 0ns) pool.tick();
    pool.connected(opened);
    EXPECT_EQ(pool.stats().pool_size, 1U);
    EXPECT_EQ(pool.stats().pool_available, late < 0ns ? 0U : 1U);
  }
}

TEST(Corpus, a_connect_that_succeeds_after_it_was_given_up_is_closed_once) {  // B9, B18
  Script pool({.min_size = 1, .max_size = 1});
  const ConnectionId opened = pool.in_state(State::connecting).at(0);
  pool.close();
  EXPECT_EQ(pool.actions(), Actions{close(opened, CloseReason::pool_closed)});
  pool.connected(opened);
  EXPECT_TRUE(pool.actions().empty());
  pool.closed(opened);
  EXPECT_TRUE(pool.core().finished());
}

// B10, B11: discarded or dead connections were not taken from the size, or their places never came back.
TEST(Corpus, the_pool_still_reaches_max_size_after_many_connections_were_lost) {
  Script pool({.min_size = 0, .max_size = 3});
  for (const Disposition how : {Disposition::discard, Disposition::broken, Disposition::demoted}) {
    for (int round = 0; round < 10; ++round) {
      std::vector<WaiterId> waiters{pool.wait(), pool.wait(), pool.wait()};
      pool.connect_all();
      for (const WaiterId waiter : waiters) pool.release(*pool.accept(waiter), how);
      pool.close_all();
      EXPECT_EQ(pool.stats().pool_size, 0U);
    }
  }
  for (int i = 0; i < 3; ++i) pool.wait();
  pool.connect_all();
  EXPECT_EQ(pool.stats().leased, 3U);
}

// B18: the background added a connection after close.
TEST(Corpus, nothing_is_opened_after_close) {
  Script pool({.min_size = 3, .max_size = 3, .num_workers = 1});
  pool.connected(pool.in_state(State::connecting).at(0));
  pool.close();
  pool.close_all();
  pool.run(48h);
  EXPECT_EQ(pool.acquire().error, WaitError::closed);
  EXPECT_TRUE(pool.core().finished());
}

// B19: after 24 hours of silence the background was dead.
TEST(Corpus, after_two_idle_days_the_pool_serves_at_once) {
  Script pool({.min_size = 2, .max_size = 4});
  pool.connect_all();
  int ticks = 0;
  for (int hour = 0; hour < 48; ++hour) {
    for (int minute = 0; minute < 60; ++minute) {
      ticks += pool.run(1min);
      pool.connect_all();
      pool.close_all();
    }
    EXPECT_GE(pool.stats().pool_size, 2U) << "hour " << hour;
  }
  EXPECT_LT(ticks, 48 * 60) << "an idle pool hardly ever wakes up";
  pool.lease();
}

// B20: after reconnect_timeout the pool stopped reconnecting, or it opened one connection and not min_size.
TEST(Corpus, after_an_outage_longer_than_reconnect_timeout_the_pool_is_full_again) {
  Script pool({.min_size = 3, .max_size = 5, .reconnect_timeout = 60s});
  int reports = 0;
  for (int i = 0; i < 600; ++i) {
    for (const ConnectionId id : pool.in_state(State::connecting)) pool.connect_failed(id);
    pool.run(1s);
    reports += static_cast<int>(pool.count(ActionKind::report_outage));
  }
  EXPECT_GE(reports, 8);
  EXPECT_LE(reports, 10);
  pool.run(5s);
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_available, 3U);
}

// B21: after a restart the pruning timer was lost, and the pool never shrank again.
TEST(Corpus, the_pool_shrinks_again_after_all_connections_died_while_it_shrank) {
  Script pool({.min_size = 1, .max_size = 4, .max_idle = 60s});
  const auto grow = [&pool] {
    std::vector<WaiterId> waiters;
    std::vector<ConnectionId> leased;
    while (pool.stats().pool_available > 0) leased.push_back(pool.lease());
    while (leased.size() + waiters.size() < 4) waiters.push_back(pool.wait());
    pool.connect_all();
    for (const WaiterId waiter : waiters) leased.push_back(*pool.accept(waiter));
    for (const ConnectionId id : leased) pool.release(id);
    return leased;
  };
  pool.connect_all();
  grow();
  pool.run(59s);
  const ConnectionId dead = pool.lease();
  pool.release(dead, Disposition::broken);
  pool.close_all();
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_size, 1U);
  grow();
  EXPECT_EQ(pool.stats().pool_size, 4U);
  pool.run(60s);
  pool.close_all();
  EXPECT_EQ(pool.stats().pool_size, 1U);
}

// B22: on a pool in full use max_lifetime was never enforced.
TEST(Corpus, no_lease_begins_after_max_lifetime_in_a_pool_in_full_use) {
  constexpr Duration lifetime = 100s;
  Script pool({.min_size = 2, .max_size = 2, .max_lifetime = lifetime});
  pool.connect_all();
  std::vector<WaiterId> queue;
  std::vector<ConnectionId> leased{pool.lease(), pool.lease()};
  for (int second = 0; second < 300; ++second) {
    queue.push_back(pool.wait());
    pool.run(1s);
    pool.release(leased.front());  // that no old one is granted, the model checks
    leased.erase(leased.begin());
    pool.close_all();
    pool.connect_all();
    const auto next = pool.accept(queue.front());
    ASSERT_TRUE(next);
    leased.push_back(*next);
    queue.erase(queue.begin());
  }
  EXPECT_GE(pool.stats().connections_num, 6U);
}

// B23: the reaper of idle connections broke min_size.
TEST(Corpus, the_size_is_never_below_min_size) {
  Script pool({.min_size = 3, .max_size = 6, .max_idle = 1s, .max_lifetime = 30s});
  pool.connect_all();
  for (int i = 0; i < 600 && !pool.broken(); ++i) {
    pool.run(100ms);
    pool.connect_all();
    pool.close_all();
    EXPECT_GE(pool.stats().pool_size, 3U) << "after " << i;
  }
}

// B24: a check that always fails was repeated without end, or its connection came back.
TEST(Corpus, a_check_that_always_fails_ends_and_keeps_no_connection) {
  Script pool({.min_size = 2, .max_size = 2, .num_workers = 1});
  pool.connect_all();
  const auto before = pool.in_state(State::idle);
  pool.check_all();
  int checks = 0;
  while (!pool.in_state(State::checking).empty()) {
    ASSERT_LE(++checks, 2);
    pool.check_done(pool.in_state(State::checking).front(), Disposition::discard);
  }
  EXPECT_EQ(checks, 2);
  EXPECT_EQ(pool.core().checks_pending(), 0U);
  EXPECT_EQ(pool.in_state(State::dying), before);
  pool.close_all();
  pool.connect_all();
  EXPECT_EQ(pool.stats().pool_available, 2U);
}

// B25: one hung connect froze the refill, or the pool never recovered.
TEST(Corpus, one_hung_connect_holds_up_nobody_else) {
  Script pool({.min_size = 0, .max_size = 4, .num_workers = 2});
  const WaiterId first = pool.wait();
  const ConnectionId hung = pool.named(ActionKind::open).at(0);
  std::vector<WaiterId> others{pool.wait(), pool.wait(), pool.wait()};
  for (int i = 0; i < 3; ++i) {
    for (const ConnectionId id : pool.in_state(State::connecting)) {
      if (!(id == hung)) pool.connected(id);
    }
  }
  EXPECT_TRUE(pool.accept(first));  // the first in the queue takes the first that came
  EXPECT_TRUE(pool.accept(others[0]));
  EXPECT_TRUE(pool.accept(others[1]));
  pool.pass(10s);
  pool.connect_failed(hung);
  pool.run(5s);
  pool.connect_all();
  EXPECT_TRUE(pool.accept(others[2]));
}

// B37: what was opened before the world changed stayed for ever.
TEST(Corpus, connections_of_an_ended_epoch_are_all_closed) {
  Script pool({.min_size = 1, .max_size = 3});
  const ConnectionId connecting = pool.in_state(State::connecting).at(0);
  const WaiterId waiter = pool.wait();
  pool.drain();
  pool.connected(connecting);
  EXPECT_EQ(pool.named(ActionKind::close), std::vector{connecting});
  pool.closed(connecting);
  pool.connect_all();
  const ConnectionId leased = *pool.accept(waiter);
  pool.drain();
  pool.release(leased);
  EXPECT_EQ(pool.actions().at(0), close(leased, CloseReason::drained));
}

// B38: a slow step after the release made sequential requests open a second connection.
TEST(Corpus, sequential_requests_share_one_connection_although_it_is_reset_in_between) {
  Script pool({.min_size = 0, .max_size = 10});
  pool.wait();
  pool.connect_all();
  ConnectionId leased = pool.in_state(State::leased).at(0);
  for (int i = 0; i < 20; ++i) {
    pool.release(leased, Disposition::needs_reset);
    const WaiterId waiter = pool.wait();
    pool.run(50ms);
    pool.reset_done(leased);
    leased = *pool.accept(waiter);
  }
  EXPECT_EQ(pool.stats().connections_num, 1U);
}

// B47: an outage queued connects, and hundreds of sockets were opened on its end.
TEST(Corpus, connects_in_flight_stay_within_num_workers_through_an_outage) {
  Script pool({.min_size = 5, .max_size = 100, .num_workers = 3});
  std::size_t peak = 0;
  for (int second = 0; second < 600; ++second) {
    if (second % 10 == 0) pool.wait(3600s);
    for (const ConnectionId id : pool.in_state(State::connecting)) pool.connect_failed(id);
    pool.run(1s);
    peak = std::max(peak, pool.in_state(State::connecting).size());
  }
  EXPECT_LE(peak, 3U);
  pool.run(5s);
  while (!pool.in_state(State::connecting).empty() && !pool.broken()) {
    EXPECT_LE(pool.in_state(State::connecting).size(), 3U);
    pool.connected(pool.in_state(State::connecting).front());
  }
  EXPECT_EQ(pool.stats().leased, 60U);
}

}  // namespace
}  // namespace copg::test
