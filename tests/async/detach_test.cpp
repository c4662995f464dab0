// Connections that coroutines take out of the pool.
#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct AsyncDetach : AsyncTest {};

TEST_F(AsyncDetach, keeps_its_verbs_and_deadlines_also_when_the_pool_is_closed) {
  auto db = make({.min_size = 0, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection leased = co_await db.connection();
    AsyncConnection own = leased.detach();
    EXPECT_TRUE(leased.closed());
    EXPECT_EQ(own.get_executor(), db.get_executor());
    const int one = co_await db.fetch_val<int>("SELECT 1");  // on another
    EXPECT_EQ(one, 1);
    EXPECT_EQ(db.stats().connections_detached, 1U);
    co_await db.close();
    const int two = co_await own.fetch_val<int>("SELECT 2");
    EXPECT_EQ(two, 2);
    bool late = false;
    try {
      co_await own.within(50ms).execute("SELECT pg_sleep(30)");
    } catch (const QueryTimeout&) {
      late = true;
    }
    EXPECT_TRUE(late);
  }());
  run_out();
}

TEST_F(AsyncDetach, is_refused_inside_a_transaction) {
  auto db = make({.min_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.transaction([](AsyncConnection& tx) -> awaitable<void> {
      EXPECT_THROW((void)tx.detach(), UsageError);
      co_await tx.execute("SELECT 1");
    });
  }());
  EXPECT_EQ(db.stats().connections_detached, 0U);
}

TEST_F(AsyncDetach, of_a_pool_with_a_thread_of_its_own_goes_on_when_that_has_ended) {
  std::optional<AsyncConnection> own;
  std::atomic<bool> ended = false;
  {
    AsyncPooledDatabase db(config(), {.min_size = 0, .max_size = 1, .timeout = 20s});
    db.open([](const std::exception_ptr&) {});
    db.connection({}, [&](std::exception_ptr error, AsyncConnection leased) {
      if (!error) own.emplace(leased.detach());
      ended = true;
    });
    ASSERT_TRUE(eventually([&] { return ended.load(); }));
  }
  ASSERT_TRUE(own);
  std::atomic<int> answer = 0;
  // The handler runs on the thread of the connection's own, and ends the connection there.
  own->fetch_val<int>("SELECT 7", params(), [&](const std::exception_ptr& error, int value) {
    own.reset();
    answer = error ? -1 : value;
  });
  ASSERT_TRUE(eventually([&] { return answer != 0; }));
  EXPECT_EQ(answer, 7);
}

}  // namespace
}  // namespace copg::test
