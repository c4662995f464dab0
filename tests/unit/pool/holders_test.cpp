// Callers that hold a connection and wait for another: when all do, the last one to come fails at once.
#include "script.hpp"

namespace copg::test {
namespace {

constexpr pool::HolderId alice = 1;
constexpr pool::HolderId bob = 2;
constexpr pool::Statement reading{.key = 1, .kind = pool::StatementKind::read};

/// Two connections, idle.
struct TwoHeld : ::testing::Test {
  Script pool{{.min_size = 2, .max_size = 2}};
  void SetUp() override { pool.connect_all(); }
};

/// What its caller is told.
Actions deadlock(const Acquired& answer) { return {fail(answer.waiter, WaitError::deadlock)}; }

TEST_F(TwoHeld, the_one_that_completes_a_deadlock_fails_at_once) {
  pool.lease(alice);
  const ConnectionId of_bob = pool.lease(bob);
  const WaiterId first = pool.wait(30s, alice);
  EXPECT_EQ(pool.actions(), Actions{});
  const Acquired last = pool.acquire(30s, bob);
  EXPECT_EQ(pool.actions(), deadlock(last));
  EXPECT_EQ(pool.stats().requests_errors, 1U);
  pool.release(of_bob);
  EXPECT_EQ(pool.actions(), Actions{grant(first, of_bob)});
}

TEST_F(TwoHeld, one_caller_that_holds_all_connections_fails_at_once) {
  pool.lease(alice);
  pool.lease(alice);
  EXPECT_EQ(pool.actions(), Actions{});
  const Acquired third = pool.acquire(30s, alice);
  EXPECT_EQ(pool.actions(), deadlock(third));
}

TEST_F(TwoHeld, a_statement_completes_a_deadlock_as_well) {
  pool.lease(alice);
  pool.lease(alice);
  const Acquired statement = pool.acquire_statement(reading, 30s, alice);
  EXPECT_EQ(pool.actions(), deadlock(statement));
}

TEST(Deadlocked, only_a_caller_that_still_holds_a_connection_fails) {
  Script pool{{.min_size = 3, .max_size = 3}};
  pool.connect_all();
  pool.lease(alice);
  const ConnectionId of_bob = pool.lease(bob);
  const ConnectionId third = pool.lease();
  const WaiterId first = pool.wait(30s, alice);
  pool.wait(30s, bob);
  pool.resize(0, 1);
  for (const ConnectionId surplus : {third, of_bob}) {
    pool.release(surplus);
    pool.closed(surplus);
  }
  EXPECT_EQ(pool.actions(), Actions{fail(first, WaitError::deadlock)});
}

TEST_F(TwoHeld, a_caller_that_goes_on_with_its_work_is_waited_for) {
  pool.lease(alice);
  const ConnectionId of_bob = pool.lease(bob);
  const WaiterId waiter = pool.wait(30s, alice);
  pool.wait();
  pool.release(of_bob);
  EXPECT_EQ(pool.actions(), Actions{grant(waiter, of_bob)});
}

TEST_F(TwoHeld, a_lease_of_nobody_knows_whom_is_waited_for) {
  pool.lease(alice);
  pool.lease();
  pool.wait(30s, alice);
  EXPECT_EQ(pool.actions(), Actions{});
}

TEST_F(TwoHeld, a_statement_that_runs_is_waited_for) {
  pool.lease(alice);
  pool.acquire_statement(reading, 30s, bob);
  pool.wait(30s, alice);
  pool.wait(30s, bob);
  EXPECT_EQ(pool.actions(), Actions{});
}

TEST_F(TwoHeld, a_connection_that_is_reset_or_closed_is_waited_for) {
  pool.lease(alice);
  const ConnectionId of_bob = pool.lease(bob);
  pool.release(of_bob, Disposition::needs_reset);
  const WaiterId waiter = pool.wait(30s, alice);
  pool.reset_done(of_bob, Disposition::broken);
  EXPECT_EQ(pool.stats().requests_waiting, 1U);
  pool.close_all();
  pool.connect_all();
  EXPECT_TRUE(pool.accept(waiter));
}

TEST_F(TwoHeld, a_pool_that_may_grow_has_no_deadlock_until_it_is_made_smaller) {
  pool.resize(1, 3);
  pool.lease(alice);
  pool.lease(bob);
  pool.acquire(30s, alice);
  const Acquired younger = pool.acquire(30s, bob);
  EXPECT_EQ(pool.stats().connecting, 1U);
  pool.resize(1, 2);
  EXPECT_EQ(pool.stats().closing, 1U);
  pool.close_all();
  EXPECT_EQ(pool.actions(), deadlock(younger));
}

TEST_F(TwoHeld, a_lease_that_was_passed_on_is_waited_for) {
  const ConnectionId passed_on = pool.lease(alice);
  pool.lease(alice);
  pool.set_holder(passed_on, pool::unknown_holder);
  pool.wait(30s, alice);
  EXPECT_EQ(pool.actions(), Actions{});
}

TEST_F(TwoHeld, a_lease_whose_holder_becomes_known_counts_from_then_on) {
  const ConnectionId first = pool.lease();
  pool.set_holder(first, alice);
  pool.lease(alice);
  const Acquired third = pool.acquire(30s, alice);
  EXPECT_EQ(pool.actions(), deadlock(third));
}

TEST_F(TwoHeld, a_caller_that_stops_waiting_is_waited_for_again) {
  pool.lease(alice);
  pool.lease(bob);
  pool.wait(1s, alice);
  pool.pass(1s);
  pool.tick();
  pool.wait(30s, bob);
  EXPECT_EQ(pool.actions(), Actions{});
}

TEST_F(TwoHeld, a_newcomer_that_holds_nothing_waits) {
  pool.lease(alice);
  pool.lease(bob);
  pool.wait(1s, alice);
  pool.wait();
  EXPECT_EQ(pool.stats().requests_waiting, 2U);
}

}  // namespace
}  // namespace copg::test
