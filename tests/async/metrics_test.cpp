// What a pool measures of calls on an event loop, which is what it measures of threads.
#include "async/async_test.hpp"

namespace copg::test {
namespace {

class AsyncMetrics : public AsyncTest {};

TEST_F(AsyncMetrics, of_statements_on_the_pool_and_on_a_lease_say_how_long_the_server_took) {
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 1});
  run([](AsyncPooledDatabase& pool) -> awaitable<void> {
    co_await pool.open();
    co_await pool.execute("SELECT pg_sleep(0.05)");
    AsyncConnection conn = co_await pool.connection();
    for (int i = 0; i < 20; ++i) co_await conn.execute("SELECT 1");
    EXPECT_EQ(pool.metrics().operations.count(), 21U);
    conn.release();
  }(db));
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.operations.count(), 21U);
  EXPECT_EQ(metrics.operations.count() - metrics.operations.shorter_than(50ms), 1U);
  EXPECT_EQ(metrics.uses.count(), 2U);
  EXPECT_EQ(metrics.waits.count(), 2U);
  EXPECT_EQ(metrics.connects.count(), 1U);
  EXPECT_EQ(db.sync().metrics().operations.count(), 21U);
}

TEST_F(AsyncMetrics, of_a_call_that_is_given_up_say_how_long_it_took) {
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 1});
  run([](AsyncPooledDatabase& pool) -> awaitable<void> {
    co_await pool.open();
    bool late = false;
    try {
      co_await pool.within(50ms).execute("SELECT pg_sleep(20)");
    } catch (const QueryTimeout&) {
      late = true;
    }
    EXPECT_TRUE(late);
  }(db));
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.operations.count(), 1U);
  EXPECT_GE(metrics.operations.longest(), 48ms);
}

}  // namespace
}  // namespace copg::test
