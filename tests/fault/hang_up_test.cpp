// Servers that hang up on idle connections: the pool notices it by itself, before anybody asks for one.
#include "integration/database_test.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>

#include <thread>
#include <vector>

namespace copg::test {
namespace {

constexpr const char* terminate_others =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> "
    "pg_backend_pid()";

/// Counts why connections were closed.
class Ends final : public Observer {
 public:
  void closed(const event::Closed& event) noexcept override {
    const std::lock_guard lock(mutex_);
    reasons_.push_back(event.reason);
    if (event.reason == CloseReason::broken) last_words_ = event.text;
  }
  [[nodiscard]] std::ptrdiff_t count(CloseReason reason) {
    const std::lock_guard lock(mutex_);
    return std::count(reasons_.begin(), reasons_.end(), reason);
  }
  [[nodiscard]] std::string last_words() {
    const std::lock_guard lock(mutex_);
    return last_words_;
  }

 private:
  std::mutex mutex_;
  std::vector<CloseReason> reasons_;
  std::string last_words_;
};

/// In how many ways a server goes.
enum class Way { fast, immediate, killed };
class HangUpOfAll : public ::testing::TestWithParam<Way> {};

TEST_P(HangUpOfAll, is_noticed_without_a_request_and_no_request_meets_it) {
  constexpr std::uint32_t size = 10;
  testing::ThrowawayPostgres server;
  const auto ends = std::make_shared<Ends>();
  PooledDatabase db(Config::from_url(server.url()),
                    {.min_size = size, .max_size = size, .timeout = 20s, .observer = ends});
  db.wait();
  switch (GetParam()) {
    case Way::fast: server.stop(testing::StopMode::fast); break;
    case Way::immediate: server.stop(testing::StopMode::immediate); break;
    case Way::killed: server.kill_hard(); break;
  }
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 0 && db.stats().closing == 0; }));
  EXPECT_EQ(db.stats().requests_num, 0U);
  server.start();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == size; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", i), i);
  const PoolStats stats = db.stats();
  EXPECT_EQ(stats.returns_bad, 0U) << "a request was given a dead connection";
  EXPECT_GE(stats.connections_lost, 1U);
  EXPECT_LE(stats.connections_lost, size);
  EXPECT_EQ(ends->count(CloseReason::broken), static_cast<std::ptrdiff_t>(stats.connections_lost));
  EXPECT_EQ(ends->count(CloseReason::broken) + ends->count(CloseReason::stale_epoch), std::ptrdiff_t{size});
}

INSTANTIATE_TEST_SUITE_P(Ways, HangUpOfAll, ::testing::Values(Way::fast, Way::immediate, Way::killed),
                         [](const auto& way) {
                           switch (way.param) {
                             case Way::fast: return "fast";
                             case Way::immediate: return "immediate";
                             case Way::killed: return "killed";
                           }
                           return "";
                         });

class HangUp : public DatabaseTest {};

TEST_F(HangUp, by_an_administrator_ends_the_epoch) {
  const auto ends = std::make_shared<Ends>();
  PooledDatabase db = open({.min_size = 3, .max_size = 3, .observer = ends});
  db.wait();
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  other.execute(
      "SELECT pg_terminate_backend(min(pid)) FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
      "pid <> pg_backend_pid()");
  EXPECT_TRUE(eventually([&] { return ends->count(CloseReason::stale_epoch) == 2; }));
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 3; }));
  EXPECT_EQ(db.stats().connections_lost, 1U);
  EXPECT_EQ(ends->last_words(), "FATAL: terminating connection due to administrator command");
}

TEST_F(HangUp, for_a_time_limit_of_idle_sessions_costs_the_others_nothing) {
  const auto ends = std::make_shared<Ends>();
  std::atomic<int> opened = 0;
  const auto limit_the_first = [&](Connection& conn) {
    if (opened++ == 0) conn.execute("SET idle_session_timeout = '50ms'");
  };
  PooledDatabase db =
      open({.min_size = 3, .max_size = 3, .num_workers = 1, .observer = ends, .configure = limit_the_first});
  EXPECT_TRUE(eventually([&] { return ends->count(CloseReason::broken) == 1; }));
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 3; }));
  EXPECT_EQ(ends->last_words(), "FATAL: terminating connection due to idle-session timeout");
  EXPECT_EQ(ends->count(CloseReason::stale_epoch), 0);
  EXPECT_EQ(db.stats().connections_num, 4U);
  EXPECT_EQ(db.stats().connections_lost, 1U);
}

TEST_F(HangUp, on_a_lease_that_nobody_used_is_noticed_when_it_is_over) {
  PooledDatabase db = open({.min_size = 0, .max_size = 1});
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  Connection lease = db.connection();
  other.execute("SELECT pg_terminate_backend($1, 10000)", lease.backend_pid());
  lease.release();
  EXPECT_TRUE(eventually([&] { return db.stats().connections_lost == 1 && db.stats().pool_size == 0; }));
}

TEST_F(HangUp, is_not_what_a_message_to_an_idle_connection_is_taken_for) {
  PooledDatabase db = open(
      {.min_size = 1, .max_size = 1, .configure = [](Connection& conn) { conn.execute("LISTEN hang_up"); }});
  db.wait();
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  for (int i = 0; i < 50; ++i) other.execute("SELECT pg_notify('hang_up', repeat('x', 7000))");
  db.check();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_num, 1U);
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

TEST_F(HangUp, on_a_hundred_at_once_is_mended_without_a_request) {
  constexpr std::uint32_t size = 100;
  testing::ThrowawayPostgres server({.settings = {{"max_connections", "220"}}});
  PooledDatabase db(Config::from_url(server.url()), {.min_size = size, .max_size = size, .num_workers = 8});
  db.wait();
  PooledDatabase other(Config::from_url(server.url()), {.min_size = 1, .max_size = 1});
  other.execute(terminate_others);
  EXPECT_TRUE(eventually([&] { return db.stats().connections_num >= 2 * size; }));
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == size; }));
  EXPECT_EQ(db.stats().requests_num, 0U);
  EXPECT_EQ(db.stats().pool_size, size);
}

TEST_F(HangUp, while_the_pool_is_made_smaller_and_larger_leaves_it_whole) {
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  PooledDatabase db = open({.min_size = 8, .max_size = 8});
  for (int round = 0; round < 10; ++round) {
    db.resize(8, 8);
    db.wait();
    other.execute(terminate_others);
    db.resize(1, 2);
    db.resize(4, 12);
  }
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available >= 4 && db.stats().closing == 0; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", i), i);
}

TEST_F(HangUp, while_the_pool_is_closed_leaves_nothing) {
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  for (int round = 0; round < 10; ++round) {
    PooledDatabase db = open({.min_size = 8, .max_size = 8});
    db.wait();
    other.execute(terminate_others);
    db.close();
    const PoolStats stats = db.stats();
    EXPECT_EQ(stats.pool_size + stats.closing + stats.connecting, 0U);
  }
}

TEST_F(HangUp, while_callers_come_and_go_is_no_wrong_answer) {
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  PooledDatabase db = open({.min_size = 6, .max_size = 6});
  std::atomic<bool> stopping = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 0; !stopping; ++n) {
        try {
          if (db.fetch_val<int>("SELECT $1::int", n * 8 + t) != n * 8 + t) ++wrong;
        } catch (const ConnectionFailed&) {  // in the middle of it
        }
      }
    });
  }
  for (int round = 0; round < 20; ++round) other.execute(terminate_others);
  stopping = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 6; }));
}

}  // namespace
}  // namespace copg::test
