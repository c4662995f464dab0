// The asynchronous calls for the pool as a whole: open, check, wait, resize, close, and their errors.
#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct PoolCalls : AsyncTest {};

TEST_F(PoolCalls, before_open_a_call_says_so_and_after_close_too) {
  auto db = make();
  run([&]() -> awaitable<void> {
    std::string before;
    std::string after;
    std::string again;
    try {
      co_await db.execute("SELECT 1");
    } catch (const PoolClosed& error) {
      before = error.what();
    }
    co_await db.open();
    co_await db.open();  // harmless
    co_await db.execute("SELECT 1");
    co_await db.close();
    co_await db.close();  // harmless
    try {
      co_await db.execute("SELECT 1");
    } catch (const PoolClosed& error) {
      after = error.what();
    }
    try {
      co_await db.open();
    } catch (const PoolClosed& error) {
      again = error.what();
    }
    EXPECT_NE(before.find("not open yet"), std::string::npos) << before;
    EXPECT_NE(after.find("is closed"), std::string::npos) << after;
    EXPECT_NE(again.find("is closed"), std::string::npos) << again;
  }());
  run_out();
}

TEST_F(PoolCalls, open_waits_for_min_size_connections) {
  auto db = make({.min_size = 3, .max_size = 4});
  run([&]() -> awaitable<void> {
    co_await db.open();
    EXPECT_GE(db.stats().pool_size, 3);
    EXPECT_EQ(db.to_string().rfind("AsyncPooledDatabase('", 0), 0U);
  }());
}

TEST_F(PoolCalls, a_wrong_password_fails_open_s_first_caller_at_once_with_the_servers_words) {
  Config wrong = config();
  wrong.database = "no_such_database";
  AsyncPooledDatabase db(io, wrong, {.timeout = 20s});
  run([&]() -> awaitable<void> {
    const auto begun = std::chrono::steady_clock::now();
    asio::co_spawn(io, db.open(), [](const std::exception_ptr&) {});
    std::string said;
    co_await asio::post(io, asio::use_awaitable);
    try {
      co_await db.execute("SELECT 1");
    } catch (const Error& error) {
      said = error.what();
    }
    EXPECT_NE(said.find("no_such_database"), std::string::npos) << said;
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 10s);
    co_await db.close();
  }());
  run_out();
}

TEST_F(PoolCalls, an_outage_that_outlasts_its_patience_fails_calls_at_once) {
  AsyncPooledDatabase db(io, Config{.host = "127.0.0.1", .port = 1},
                         {.min_size = 0, .outage_patience = 200ms});
  run([&]() -> awaitable<void> {
    co_await db.open();
    for (int i = 0; i < 2; ++i) {
      std::string said;
      try {
        co_await db.execute("SELECT 1");
      } catch (const ConnectionFailed& error) {
        said = error.what();
      }
      EXPECT_NE(said.find("every connect has failed for 0."), std::string::npos) << said;
    }
    EXPECT_EQ(db.stats().requests_queued, 1U);
    co_await db.close();
  }());
  run_out();
}

TEST_F(PoolCalls, check_replaces_dead_connections_and_wait_waits_for_the_new_ones) {
  auto db = make({.min_size = 2, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    {
      AsyncConnection killer = co_await db.connection();
      co_await killer.execute(
          "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
          "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
      co_await killer.commit();
    }
    co_await db.check();
    co_await db.wait(10s);
    EXPECT_EQ(db.stats().connections_lost, 1);
    const int value = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(value, 1);
  }());
}

TEST_F(PoolCalls, resize_drain_suspend_and_resume_work_while_leases_are_out) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    const int pid = conn.backend_pid();
    db.resize(4, 8);
    co_await db.wait(10s);
    EXPECT_GE(db.stats().pool_size, 4);
    db.drain();
    co_await conn.execute("SELECT 1");
    co_await conn.rollback();
    conn.release();
    db.resize(1, 1);
    const int other = co_await db.fetch_val<int>("SELECT pg_backend_pid()");
    EXPECT_NE(pid, other);
    db.suspend();
    bool timed_out = false;
    try {
      static_cast<void>(co_await db.connection(50ms));
    } catch (const PoolTimeout&) {
      timed_out = true;
    }
    EXPECT_TRUE(timed_out);
    db.resume();
    const int value = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(value, 1);
  }());
}

TEST_F(PoolCalls, try_connection_completes_with_a_lease_or_with_nothing_and_never_waits) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    bool closed = false;
    try {
      co_await db.try_connection();
    } catch (const PoolClosed&) {
      closed = true;
    }
    EXPECT_TRUE(closed) << "before open";
    co_await db.open();
    {
      std::optional<AsyncConnection> conn = co_await db.try_connection();
      EXPECT_TRUE(conn.has_value());
      if (conn) {
        const int one = co_await conn->fetch_val<int>("SELECT 1");
        EXPECT_EQ(one, 1);
      }
      const PoolStats before = db.stats();
      const std::optional<AsyncConnection> none = co_await db.try_connection();
      EXPECT_FALSE(none.has_value());
      EXPECT_EQ(db.stats(), before);
    }
    co_await db.close();
    closed = false;
    try {
      co_await db.try_connection();
    } catch (const PoolClosed&) {
      closed = true;
    }
    EXPECT_TRUE(closed) << "after close";
  }());
  run_out();
}

TEST_F(PoolCalls, try_connection_takes_any_completion_token) {
  auto db = make({.min_size = 1});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  bool leased = false;
  db.try_connection([&](std::exception_ptr error, std::optional<AsyncConnection> conn) {
    leased = error == nullptr && conn.has_value();
  });
  EXPECT_FALSE(leased) << "never before the call has returned";
  run_until([&] { return leased; });
  EXPECT_TRUE(eventually([&] { return db.stats().leased == 0; }));
}

}  // namespace
}  // namespace copg::test
