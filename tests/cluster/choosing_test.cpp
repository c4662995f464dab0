// Which host a request gets.
#include "script.hpp"

namespace copg::test {
namespace {

TEST(Choosing, a_write_goes_to_the_primary) {
  Script script = three();
  EXPECT_EQ(script.acquire({}), 1U);
}

TEST(Choosing, reads_are_spread_over_the_replicas_by_their_leases) {
  Script script = three();
  EXPECT_EQ(script.acquire(read()), 2U) << "it answers faster";
  EXPECT_EQ(script.acquire(read()), 3U);
  EXPECT_EQ(script.acquire(read()), 2U);
  script.release(3);
  EXPECT_EQ(script.acquire(read()), 3U);
}

TEST(Choosing, what_may_go_anywhere_goes_where_it_is_near) {
  Script script;
  script.hosts({1, 2, 3});
  script.answer(1, primary_on(1), 20ms);
  script.answer(2, replica_on(1), 0ms);
  script.answer(3, replica_on(1), 1ms);
  for (const HostKey key : {1U, 2U, 3U})
    EXPECT_EQ(script.acquire({.role = Role::any}), key) << "equally near";
  script.await_probe(3);
  for (int i = 0; i < 40; ++i) {
    script.answer(3, replica_on(1), 100us);
    script.await_probe(3);
  }
  EXPECT_EQ(script.acquire({.role = Role::any}), 3U);
  EXPECT_EQ(script.acquire({.role = Role::any}), 3U);
}

TEST(Choosing, a_replica_whose_data_are_too_old_is_not_read) {
  Script script;
  script.hosts({1, 2, 3});
  script.answer(1, primary_on(1));
  script.answer(2, replica_on(1, 1000, 10s));
  script.answer(3, replica_on(1, 1000, 2s));
  Request request = read(IfUnfit::fail);
  request.max_lag = 5s;
  EXPECT_EQ(script.acquire(request), 3U);
  EXPECT_EQ(script.acquire(request), 3U);
  request.max_lag = 1s;
  EXPECT_EQ(script.acquire(request), 0U);
  EXPECT_EQ(script.last.error, WaitError::no_replica);
}

TEST(Choosing, data_grow_old_between_two_probes_from_when_the_probe_was_sent) {
  Script script;
  script.hosts({1, 2});
  script.answer(1, primary_on(1));
  script.answer(2, replica_on(1, 1000, 100ms), 99ms);  // sent 100 ms ago
  Request request = read(IfUnfit::fail);
  request.max_lag = 300ms;
  EXPECT_EQ(script.acquire(request), 2U);
  script.now += 100ms;
  EXPECT_EQ(script.acquire(request), 2U);
  script.now += 1ms;
  EXPECT_EQ(script.acquire(request), 0U);
}

TEST(Choosing, a_replica_that_does_not_know_how_old_its_data_are_is_read_where_that_does_not_matter) {
  Script script;
  script.hosts({1, 2});
  script.answer(1, primary_on(1));
  script.answer(2, replica_on(1, 1000, pool::forever));
  EXPECT_EQ(script.acquire(read()), 2U);
  Request request = read(IfUnfit::fail);
  request.max_lag = 24h;
  EXPECT_EQ(script.acquire(request), 0U);
}

TEST(Choosing, a_replica_that_is_too_many_bytes_behind_is_not_read) {
  Script script;
  script.hosts({1, 2, 3});
  script.answer(1, primary_on(1, 5000));
  script.answer(2, replica_on(1, 1000));
  script.answer(3, replica_on(1, 4500));
  Request request = read(IfUnfit::fail);
  request.max_lag_bytes = 500;
  EXPECT_EQ(script.acquire(request), 3U);
  EXPECT_EQ(script.acquire(request), 3U);
  request.max_lag_bytes = 499;
  EXPECT_EQ(script.acquire(request), 0U);
}

TEST(Choosing, a_read_after_a_write_goes_where_the_write_is) {
  Script script;
  script.hosts({1, 2, 3});
  script.answer(1, primary_on(1, 5000));
  script.answer(2, replica_on(1, 1000));
  script.answer(3, replica_on(1, 4500));
  EXPECT_EQ(script.acquire(read_after(4500)), 3U);
  EXPECT_EQ(script.acquire(read_after(4500)), 3U);
  Request request = read_after(4501);
  request.if_unfit = IfUnfit::primary;
  EXPECT_EQ(script.acquire(request), 1U);
}

TEST(Choosing, a_read_after_a_write_on_a_timeline_that_nobody_has_seen_waits_for_it) {
  Script script = three();
  Request request = read_after(10, 2);
  request.if_unfit = IfUnfit::primary;
  const WaiterId waiter = script.wait(request);
  script.await_probe(2);
  script.answer(2, primary_on(2));
  EXPECT_EQ(script.granted(waiter), 2U);
}

TEST(Choosing, a_token_of_another_system_is_refused) {
  Script script = three();
  Request request = read_after(10);
  request.token.system = 8;
  EXPECT_EQ(script.acquire(request), 0U);
  EXPECT_EQ(script.last.error, WaitError::foreign_token);
}

TEST(Choosing, a_replica_of_an_older_timeline_is_not_read_until_it_follows) {
  Script script = three();
  script.await_probe(2);
  script.answer(2, primary_on(2));
  const WaiterId waiter = script.wait(read());
  script.await_probe(3);
  script.answer(3, replica_on(2));
  EXPECT_EQ(script.granted(waiter), 3U);
}

TEST(Choosing, over_all_hosts_there_are_no_more_leases_than_allowed) {
  Script script = three({.max_leases = 2});
  EXPECT_EQ(script.acquire({}), 1U);
  EXPECT_EQ(script.acquire(read()), 2U);
  const WaiterId first = script.wait({});
  const WaiterId second = script.wait(read());
  script.release(2);
  EXPECT_EQ(script.granted(first), 1U);
  EXPECT_EQ(script.granted(second), 0U);
  script.release(1);
  EXPECT_EQ(script.granted(second), 2U);
}

}  // namespace
}  // namespace copg::test
