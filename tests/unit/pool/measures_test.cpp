// What the core measures, and counts by its reason.
#include "script.hpp"

namespace copg::test {
namespace {

struct Measured : ::testing::Test {
  Script pool{{.min_size = 1, .max_size = 1, .max_waiting = 1}};
  void SetUp() override { pool.connect_all(); }
  [[nodiscard]] const pool::Measures& measures() const { return pool.core().measures(); }
  [[nodiscard]] const Histogram& waits() const { return pool.core().waits(); }
};

TEST_F(Measured, a_request_that_finds_an_idle_connection_has_waited_for_nothing) {
  pool.release(pool.lease());
  EXPECT_EQ(waits().count(), 1U);
  EXPECT_EQ(waits().sum(), 0ns);
}

TEST_F(Measured, a_wait_is_measured_whether_it_ends_in_a_grant_a_failure_or_a_cancel) {
  const ConnectionId leased = pool.lease();
  const WaiterId cancelled = pool.wait();
  pool.pass(1ms);
  pool.cancel(cancelled);
  pool.wait(2ms);
  pool.pass(2ms);
  pool.tick();
  const WaiterId granted = pool.wait();
  pool.pass(4ms);
  pool.release(leased);
  pool.accept(granted);
  EXPECT_EQ(waits().count(), 4U);  // the first lease included
  EXPECT_EQ(waits().sum(), 7ms);
  EXPECT_EQ(waits().shorter_than(500us), 1U);
  EXPECT_EQ(measures().uses.sum(), 7ms);
}

TEST_F(Measured, a_request_that_gets_another_connection_at_once_has_waited_once) {
  Script two{{.min_size = 0, .max_size = 2}};
  const WaiterId first = two.wait();
  two.connect_all();
  const ConnectionId dead = *two.accept(first);
  const WaiterId other = two.wait();
  two.release(dead, Disposition::broken);
  two.close_all();
  two.connect_all();
  const ConnectionId fresh = *two.accept(other);
  two.release(fresh);
  EXPECT_EQ(two.core().waits().count(), 2U);
  two.reacquire(two.lease());
  EXPECT_EQ(two.core().waits().count(), 3U);
}

TEST_F(Measured, failures_are_counted_by_their_reason) {
  const ConnectionId leased = pool.lease(1);
  pool.acquire(0s);  // late
  const WaiterId first = pool.wait();
  pool.acquire();  // one too many
  pool.cancel(first);
  pool.wait(1s, 1);  // who holds the only one
  pool.close();
  pool.acquire();
  EXPECT_EQ(measures().failures[WaitError::timeout], 1U);
  EXPECT_EQ(measures().failures[WaitError::too_many_waiting], 1U);
  EXPECT_EQ(measures().failures[WaitError::deadlock], 1U);
  EXPECT_EQ(measures().failures[WaitError::closed], 1U);
  EXPECT_EQ(measures().failures.total(), 4U);
  EXPECT_EQ(pool.stats().requests_errors, 4U);
  pool.release(leased);
}

TEST_F(Measured, closes_are_counted_by_their_reason_and_a_connect_that_is_given_up_is_none) {
  pool.release(pool.lease(), Disposition::broken);
  pool.close_all();
  pool.connect_all();
  pool.drain();
  pool.close_all();
  EXPECT_EQ(measures().closes[CloseReason::broken], 1U);
  EXPECT_EQ(measures().closes[CloseReason::drained], 1U);
  pool.close();  // while it connects again
  EXPECT_EQ(measures().closes.total(), 2U);
  Script other{{.min_size = 1, .max_size = 1}};
  other.connect_all();
  other.detach(other.lease());
  EXPECT_EQ(other.core().measures().closes[CloseReason::detached], 1U);
  EXPECT_EQ(other.stats().connections_detached, 1U);
}

TEST_F(Measured, connects_and_resets_take_from_their_beginning_to_their_end) {
  Script slow{{.min_size = 1, .max_size = 1}};
  slow.pass(3ms);
  slow.connect_all();
  const ConnectionId leased = slow.lease();
  slow.release(leased, Disposition::needs_reset);
  slow.pass(5ms);
  slow.reset_done(leased);
  EXPECT_EQ(slow.core().measures().connects.sum(), 3ms);
  EXPECT_EQ(slow.core().measures().connects.count(), 1U);
  EXPECT_EQ(slow.core().measures().resets.sum(), 5ms);
  EXPECT_EQ(slow.stats().resets_num, 1U);
}

TEST_F(Measured, statements_are_measured_whether_they_travel_alone_or_with_others) {
  const pool::Statement read{.key = 1, .kind = pool::StatementKind::read};
  Script sharing{{.min_size = 1, .max_size = 1}};
  sharing.connect_all();
  const Acquired alone = sharing.acquire_statement(read);
  const WaiterId first = sharing.ask(read);
  const WaiterId second = sharing.ask(read);
  sharing.answered(read, 1ms);
  sharing.release(alone.connection);
  sharing.accept(first);
  sharing.send_all(alone.connection);
  sharing.answered(first, 2ms);
  sharing.answered(second, 4ms);
  EXPECT_FALSE(sharing.answered(second, 8ms));  // its id is stale
  EXPECT_EQ(sharing.core().measures().operations.count(), 3U);
  EXPECT_EQ(sharing.core().measures().operations.sum(), 7ms);
}

}  // namespace
}  // namespace copg::test
