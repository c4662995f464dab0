// Requests that wait: their order, their ends, a switchover, the close.
#include "script.hpp"

namespace copg::test {
namespace {

TEST(Waiting, for_the_first_primary_ends_when_it_is_found) {
  Script script;
  script.hosts({1, 2});
  const WaiterId waiter = script.wait({});
  script.answer(2, replica_on(1));
  EXPECT_EQ(script.granted(waiter), 0U);
  script.answer(1, primary_on(1));
  EXPECT_EQ(script.granted(waiter), 1U);
}

TEST(Waiting, ends_at_the_deadline) {
  Script script;
  script.hosts({1});
  const WaiterId waiter = script.wait({}, 100ms);
  script.pass(99ms);
  EXPECT_EQ(script.failed(waiter), WaitError::none);
  script.pass(1ms);
  EXPECT_EQ(script.failed(waiter), WaitError::timeout);
  EXPECT_EQ(script.it.waiting(), 0U);
}

TEST(Waiting, for_a_replica_ends_at_the_primary_once_patience_is_over) {
  Script script;
  script.hosts({1});
  script.answer(1, primary_on(1));
  Request request = read(IfUnfit::primary);
  EXPECT_EQ(script.acquire(request), 1U);
  request.patience = script.now + 50ms;
  const WaiterId waiter = script.wait(request);
  script.pass(49ms);
  EXPECT_EQ(script.granted(waiter), 0U);
  script.pass(1ms);
  EXPECT_EQ(script.granted(waiter), 1U);
}

TEST(Waiting, for_a_replica_fails_once_patience_is_over) {
  Script script;
  script.hosts({1});
  script.answer(1, primary_on(1));
  Request request = read(IfUnfit::fail);
  request.patience = script.now + 50ms;
  const WaiterId waiter = script.wait(request);
  script.pass(50ms);
  EXPECT_EQ(script.failed(waiter), WaitError::no_replica);
}

TEST(Waiting, is_served_in_the_order_of_coming) {
  Script script;
  script.hosts({1});
  std::vector<HostKey> came;
  for (int i = 0; i < 5; ++i) came.push_back(script.wait({}).slot);
  script.answer(1, primary_on(1));
  EXPECT_EQ(script.order, came);
}

TEST(Waiting, a_request_that_comes_back_keeps_its_place) {
  Script script = three();
  EXPECT_EQ(script.acquire({}), 1U);
  const Acquired lease = script.last;
  script.doubt(1);
  const WaiterId younger = script.wait({});
  const Acquired back =
      script.it.reacquire(script.now, lease.host, {.deadline = script.now + 1s}, lease.ticket);
  ASSERT_EQ(back.kind, Acquired::Kind::queued);
  script.answer(1, primary_on(1));
  script.await_probe(1);
  script.answer(1, primary_on(1));
  ASSERT_EQ(script.order.size(), 2U);
  EXPECT_EQ(script.order[0], back.waiter.slot);
  EXPECT_EQ(script.order[1], younger.slot);
  EXPECT_EQ(script.it.leases(), 2U);
}

TEST(Waiting, a_cancelled_request_gets_nothing) {
  Script script;
  script.hosts({1});
  const WaiterId waiter = script.wait({});
  EXPECT_TRUE(script.it.cancel(script.now, waiter));
  EXPECT_FALSE(script.it.cancel(script.now, waiter));
  script.answer(1, primary_on(1));
  EXPECT_EQ(script.granted(waiter), 0U);
  EXPECT_EQ(script.it.leases(), 0U);
}

TEST(Waiting, for_a_failover_keeps_its_place_and_ends_at_the_new_primary) {
  Script script = three();
  script.doubt(1);
  const WaiterId waiter = script.wait({});
  EXPECT_EQ(script.acquire(read()), 2U) << "replicas go on serving";
  script.refuse(1);
  script.await_probe(3);
  script.answer(3, primary_on(2));
  EXPECT_EQ(script.granted(waiter), 3U);
}

TEST(Waiting, in_a_switchover_ends_at_the_new_primary) {
  Script script = three();
  script.suspend(5s);
  const WaiterId waiter = script.wait({});
  EXPECT_EQ(script.acquire(read()), 2U);
  script.await_probe(1);
  script.answer(1, primary_on(1));
  EXPECT_EQ(script.granted(waiter), 0U) << "it is the old one";
  script.await_probe(2);
  script.answer(2, primary_on(2));
  EXPECT_EQ(script.granted(waiter), 2U);
  EXPECT_FALSE(script.it.suspended());
}

TEST(Waiting, in_a_switchover_that_does_not_come_ends_when_its_time_is_over_or_by_resume) {
  Script script = three();
  script.suspend(500ms);
  const WaiterId first = script.wait({});
  script.pass(499ms);
  EXPECT_EQ(script.granted(first), 0U);
  script.pass(1ms);
  EXPECT_EQ(script.granted(first), 1U);
  script.suspend(500ms);
  const WaiterId second = script.wait({});
  script.resume();
  EXPECT_EQ(script.granted(second), 1U);
}

TEST(Waiting, ends_with_the_cluster) {
  Script script = three();
  EXPECT_EQ(script.acquire({}), 1U);
  script.doubt(1);
  const WaiterId waiter = script.wait({});
  script.it.close(script.now);
  script.pass(10s);
  EXPECT_EQ(script.failed(waiter), WaitError::closed);
  EXPECT_EQ(script.acquire(read()), 0U);
  EXPECT_EQ(script.last.error, WaitError::closed);
  EXPECT_EQ(script.it.next_deadline(), pool::never);
  script.release(1);
  EXPECT_EQ(script.it.leases(), 0U);
}

}  // namespace
}  // namespace copg::test
