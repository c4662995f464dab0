// Who holds what, on an event loop: the leases and waiters that its pool shows.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

class AsyncLeases : public AsyncTest {};

TEST_F(AsyncLeases, show_the_call_that_is_under_way) {
  AsyncPooledDatabase db = make();
  AsyncConnection conn;
  run([&]() -> awaitable<void> {
    co_await db.open();
    conn = co_await db.connection();
  }());
  ASSERT_EQ(db.leases().size(), 1U);
  EXPECT_TRUE(std::string_view(db.leases()[0].where.file_name()).ends_with("leases_test.cpp"));
  EXPECT_EQ(db.leases()[0].backend_pid, conn.backend_pid());
  EXPECT_FALSE(db.leases()[0].running);

  bool ended = false;
  conn.execute("SELECT pg_sleep(0.05)", params(), [&](std::exception_ptr, const Result&) { ended = true; });
  run_until([&] { return !db.leases()[0].statement.empty(); });
  EXPECT_EQ(db.leases()[0].statement, "SELECT pg_sleep(0.05)");
  EXPECT_EQ(db.leases()[0].status, LeaseStatus::active);
  run_until([&] { return ended; });
  EXPECT_EQ(db.leases()[0].statement, "");
  EXPECT_EQ(db.leases()[0].status, LeaseStatus::in_transaction);
  conn.release();
  EXPECT_TRUE(db.leases().empty());
}

TEST_F(AsyncLeases, are_those_of_single_statements_and_are_shared_with_the_pool_for_threads) {
  AsyncPooledDatabase db = make();
  PooledDatabase threads = db.sync();
  run([&]() -> awaitable<void> { co_await db.open(); }());
  bool ended = false;
  db.execute("SELECT pg_sleep(0.05)", params(), [&](std::exception_ptr, const Result&) { ended = true; });
  run_until([&] { return threads.leases().size() == 1 && !threads.leases()[0].statement.empty(); });
  EXPECT_EQ(threads.leases()[0].statement, "SELECT pg_sleep(0.05)");
  run_until([&] { return ended; });
  EXPECT_TRUE(threads.leases().empty());
}

TEST_F(AsyncLeases, of_10000_waiters_are_read_in_a_few_milliseconds_and_in_order) {
  constexpr int many = 10'000;
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 1, .share = false});
  AsyncConnection only;
  run([&]() -> awaitable<void> {
    co_await db.open();
    only = co_await db.connection();
  }());
  int ended = 0;
  for (int i = 0; i < many; ++i)
    db.execute("SELECT " + std::to_string(i), params(), [&](std::exception_ptr, const Result&) { ++ended; });
  std::vector<WaiterInfo> waiters;
  const auto took = time_of([&] { waiters = db.waiters(); });
  ASSERT_EQ(waiters.size(), std::size_t{many});
  for (int i = 0; i < many; ++i) {
    const WaiterInfo& waiter = waiters[static_cast<std::size_t>(i)];
    ASSERT_EQ(waiter.position, static_cast<std::uint32_t>(i + 1));
    ASSERT_EQ(waiter.statement, "SELECT " + std::to_string(i));
  }
  RecordProperty("milliseconds", std::to_string(took.count() * 1000));
  std::printf("waiters() of 10,000: %.1f ms\n", took.count() * 1000);
  EXPECT_LT(took, 1s);  // with sanitizers, too
  only.release();
  run_until([&] { return ended == many; });
}

/// For the thread sanitizer, too.
TEST_F(AsyncLeases, are_read_by_threads_while_the_loop_runs_and_cancels) {
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  std::atomic<bool> over = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!over) {
        for (const LeaseInfo& lease : db.leases())
          EXPECT_TRUE(lease.statement.empty() || lease.statement.starts_with("SELECT ")) << lease.statement;
        for (const WaiterInfo& waiter : db.waiters())
          EXPECT_TRUE(waiter.statement.empty() || waiter.statement.starts_with("SELECT "));
      }
    });
  }
  constexpr int calls = 500;
  int ended = 0;
  for (int i = 0; i < calls; ++i) {
    // The text dies with the call.
    asio::co_spawn(
        io,
        [&db, i]() -> awaitable<void> {
          const std::string text = "SELECT " + std::to_string(i);
          if (i % 3 == 0) {
            AsyncConnection conn = co_await db.connection();
            co_await conn.execute(text);
            co_await conn.execute("SELECT 1");
          } else if (i % 3 == 1) {
            co_await db.execute(text);
          } else {
            try {
              co_await db.within(std::chrono::milliseconds(i % 20)).execute(text);
            } catch (const Error&) {
            }
          }
        },
        [&](std::exception_ptr) { ++ended; });
  }
  run_until([&] { return ended == calls; });
  over = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace copg::test
