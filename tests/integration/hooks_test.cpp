// `on_return` and `before_close`: on good days, and when they throw, block, or leave something behind.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

/// Remembers why connections were closed.
struct Closings : Observer {
  void closed(const event::Closed& event) noexcept override {
    const std::lock_guard lock(mutex);
    seen.push_back(std::string(to_string(event.reason)) + ": " + std::string(event.text));
  }
  [[nodiscard]] bool saw(const std::string& what) {
    const std::lock_guard lock(mutex);
    return std::ranges::find(seen, what) != seen.end();
  }
  std::mutex mutex;
  std::vector<std::string> seen;
};

class OnReturn : public DatabaseTest {};

TEST_F(OnReturn, is_called_after_each_lease_and_before_the_next_with_a_clean_session) {
  std::atomic<int> calls = 0;
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .on_return = [&](Connection& conn) {
                              EXPECT_TRUE(conn.autocommit());
                              EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
                              EXPECT_NE(conn.fetch_val<std::string>("SHOW work_mem"), "7MB");
                              ++calls;
                            }});
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.fetch_val<int>("SELECT 2"), 2) << "which waits for the connection";
  EXPECT_GE(calls, 1);
  {
    Connection conn = db.connection();
    EXPECT_EQ(calls, 2);
    conn.execute("SET work_mem = '7MB'");
    conn.commit();
  }
  EXPECT_TRUE(eventually([&] { return calls == 3 && db.stats().pool_available == 1; }));
  EXPECT_EQ(db.stats().connections_num, 1U) << "it serves on, and no other was opened";
}

TEST_F(OnReturn, what_it_leaves_is_wiped) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .on_return = [](Connection& conn) {
                              conn.execute("SET work_mem = '7MB'");
                              conn.execute("CREATE TEMP TABLE left_over (a int)");
                            }});
  for (int round = 0; round < 3; ++round) {
    EXPECT_NE(db.fetch_val<std::string>("SHOW work_mem"), "7MB");
    EXPECT_TRUE(db.fetch_val<bool>("SELECT to_regclass('left_over') IS NULL"));
  }
}

TEST_F(OnReturn, that_throws_closes_the_connection_and_says_why) {
  const auto closings = std::make_shared<Closings>();
  PooledDatabase db = open({.min_size = 0, .max_size = 1, .observer = closings, .on_return = [](Connection&) {
                              throw std::runtime_error("not again");
                            }});
  const int first = db.fetch_val<int>("SELECT pg_backend_pid()");
  EXPECT_TRUE(eventually([&] { return closings->saw("discarded: on_return failed: not again"); }));
  EXPECT_NE(db.fetch_val<int>("SELECT pg_backend_pid()"), first);
}

TEST_F(OnReturn, that_leaves_a_transaction_open_or_keeps_the_connection_closes_it) {
  const auto closings = std::make_shared<Closings>();
  std::optional<Connection> kept;
  int calls = 0;
  PooledDatabase db =
      open({.min_size = 0, .max_size = 1, .observer = closings, .on_return = [&](Connection& conn) {
              if (++calls == 1) return static_cast<void>(conn.execute("BEGIN"));
              kept.emplace(std::move(conn));
            }});
  db.execute("SELECT 1");
  EXPECT_TRUE(eventually([&] {
    return closings->saw("discarded: on_return failed: it has left a transaction open: commit, or roll back");
  }));
  db.execute("SELECT 1");
  EXPECT_TRUE(eventually([&] {
    return closings->saw("discarded: on_return failed: it has closed the connection, or kept it");
  }));
  EXPECT_THROW(kept->execute("SELECT 1"), UsageError);
}

TEST_F(OnReturn, that_does_not_return_is_given_up) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  const auto closings = std::make_shared<Closings>();
  PooledDatabase db = open({.min_size = 0,
                            .max_size = 1,
                            .connect_timeout = 300ms,
                            .observer = closings,
                            .on_return = [ended](Connection&) { ended.wait(); }});
  db.execute("SELECT 1");
  EXPECT_TRUE(eventually(
      [&] { return closings->saw("discarded: on_return did not return within connect_timeout"); }));
  end.set_value();
  db.close();
}

class BeforeClose : public DatabaseTest {
 protected:
  /// A table that remembers who has said goodbye.
  void SetUp() override {
    const PooledDatabase created = [] {
      PooledDatabase db = open({.min_size = 0});
      db.execute("DROP TABLE IF EXISTS goodbyes");
      db.execute("CREATE TABLE goodbyes (pid int)");
      return db;
    }();
  }
  static void say(Connection& conn) { conn.execute("INSERT INTO goodbyes VALUES (pg_backend_pid())"); }
  static int said() {
    PooledDatabase db = open({.min_size = 0});
    return db.fetch_val<int>("SELECT count(*)::int FROM goodbyes");
  }
};

TEST_F(BeforeClose, is_called_for_each_connection_when_the_pool_is_closed) {
  PooledDatabase db = open({.min_size = 3, .max_size = 3, .before_close = say});
  db.wait();
  db.close();
  EXPECT_EQ(said(), 3);
}

TEST_F(BeforeClose, is_called_for_what_is_idle_too_old_drained_or_surplus) {
  PooledDatabase db = open({.min_size = 0, .max_size = 2, .max_idle = 50ms, .before_close = say});
  db.execute("SELECT 1");
  EXPECT_TRUE(eventually([] { return said() == 1; }));
  PooledDatabase other = open({.min_size = 2, .max_size = 2, .before_close = say});
  other.wait();
  other.drain();
  EXPECT_TRUE(eventually([] { return said() == 3; }));
  other.wait();
  other.resize(1, 1);
  EXPECT_TRUE(eventually([] { return said() == 4; }));
  EXPECT_TRUE(eventually([&] { return other.stats().pool_size == 1 && other.stats().closing == 0; }));
}

TEST_F(BeforeClose, is_not_called_for_one_that_its_caller_closes_or_that_is_lost) {
  PooledDatabase db = open({.min_size = 0, .max_size = 1, .before_close = say});
  db.connection().close();
  EXPECT_THROW(db.execute("SELECT pg_terminate_backend(pg_backend_pid())"), ConnectionFailed);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 0 && db.stats().closing == 0; }));
  EXPECT_EQ(said(), 0);
}

TEST_F(BeforeClose, that_blocks_keeps_close_no_longer_than_it_may_take) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  const auto closings = std::make_shared<Closings>();
  PooledDatabase db =
      open({.min_size = 2, .max_size = 2, .observer = closings, .before_close = [ended](Connection&) {
              ended.wait();
            }});
  db.wait();
  const auto begun = std::chrono::steady_clock::now();
  db.close(100ms);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
  EXPECT_TRUE(closings->saw("pool_closed: before_close did not return in time"));
  end.set_value();
}

TEST_F(BeforeClose, that_throws_changes_nothing_but_what_is_told) {
  const auto closings = std::make_shared<Closings>();
  PooledDatabase db =
      open({.min_size = 1, .max_size = 1, .observer = closings, .before_close = [](Connection&) {
              throw std::runtime_error("no words");
            }});
  db.wait();
  db.close();
  EXPECT_TRUE(closings->saw("pool_closed: before_close failed: no words"));
}

}  // namespace
}  // namespace copg::test
