// The pool as a whole: its counters, bounds, checks, draining, suspending, and who waits for it.
#include "integration/database_test.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

class Pool : public DatabaseTest {};

TEST_F(Pool, opening_does_not_wait_and_wait_does) {
  PooledDatabase db = open({.min_size = 4, .max_size = 5});
  db.wait(20s);
  const PoolStats stats = db.stats();
  EXPECT_EQ(stats.pool_size, 4U);
  EXPECT_EQ(stats.pool_available, 4U);
  EXPECT_EQ(stats.pool_min, 4U);
  EXPECT_EQ(stats.pool_max, 5U);
  EXPECT_EQ(stats.connections_num, 4U);
  EXPECT_GT(stats.connections_time.count(), 0);
}

TEST_F(Pool, it_counts_what_happens) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  std::optional<Connection> held = db.connection();
  EXPECT_EQ(db.stats().leased, 1U);
  EXPECT_EQ(db.stats().pool_available, 0U);
  EXPECT_THROW((void)db.connection(20ms), PoolTimeout);
  auto waiting = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 1"); });
  ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  held.reset();
  EXPECT_EQ(waiting.get(), 1);
  db.connection().close();
  ASSERT_TRUE(eventually([&] { return db.stats().pool_available == 1; }));
  db.execute("SET work_mem = '1MB'");
  ASSERT_TRUE(eventually([&] { return db.stats().resets_num == 1; }));
  const PoolStats stats = db.stats();
  EXPECT_EQ(stats.requests_num, 5U);
  EXPECT_EQ(stats.requests_queued, 2U);
  EXPECT_EQ(stats.requests_errors, 1U);
  EXPECT_EQ(stats.requests_waiting, 0U);
  EXPECT_GE(stats.requests_wait, 20ms);
  EXPECT_GE(stats.usage, 20ms);
  EXPECT_EQ(stats.returns_bad, 1U);
  EXPECT_EQ(stats.connections_num, 2U);
  EXPECT_EQ(stats.connections_errors, 0U);
  EXPECT_EQ(stats.connections_lost, 0U);
  EXPECT_EQ(stats.leased, 0U);
}

TEST_F(Pool, a_timeout_says_who_holds_the_connections) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .name = "orders"});
  Connection held = db.connection();
  const ErrorInfo error = error_of<PoolTimeout>([&] { (void)db.connection(30ms); });
  EXPECT_NE(error.message.find("pool 'orders'"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("1/1 leased"), std::string::npos) << error.message;
  EXPECT_NE(error.message.find("pool_test.cpp:"), std::string::npos) << error.message;
  ASSERT_TRUE(error.pool);
  EXPECT_EQ(error.pool->leased, 1U);
}

TEST_F(Pool, a_request_with_no_time_takes_what_is_idle_and_waits_for_nothing) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  Connection held = db.connection(0s);
  const auto taken = time_of([&] { EXPECT_THROW((void)db.connection(0s), PoolTimeout); });
  EXPECT_LT(taken.count(), 1);
  EXPECT_THROW((void)db.connection(Seconds(-1)), UsageError);
}

TEST_F(Pool, too_many_waiting_are_turned_away_at_once) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .max_waiting = 1});
  std::optional<Connection> held = db.connection();
  auto waiting = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 1"); });
  ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  EXPECT_THROW(db.execute("SELECT 1"), TooManyRequests);
  held.reset();
  EXPECT_EQ(waiting.get(), 1);
}

TEST_F(Pool, resizing_works_while_leases_are_out) {
  PooledDatabase db = open({.min_size = 1, .max_size = 4});
  std::vector<Connection> leases;
  for (int i = 0; i < 4; ++i) leases.push_back(db.connection());
  db.resize(1, 2);
  EXPECT_EQ(db.stats().pool_size, 4U);
  leases.pop_back();
  leases.pop_back();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 2; }));
  EXPECT_THROW((void)db.connection(20ms), PoolTimeout);
  db.resize(4, 6);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 4; }));
  EXPECT_EQ(db.stats().pool_min, 4U);
  EXPECT_EQ(db.stats().pool_max, 6U);
  leases.clear();
  db.resize(0, 1);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 1 && db.stats().closing == 0; }));
}

TEST_F(Pool, a_bad_resize_changes_nothing) {
  PooledDatabase db = open({.min_size = 1, .max_size = 4});
  EXPECT_THROW(db.resize(5, 4), ConfigurationError);
  EXPECT_THROW(db.resize(-1, 4), ConfigurationError);
  EXPECT_THROW(db.resize(0, 0), ConfigurationError);
  EXPECT_EQ(db.stats().pool_min, 1U);
  EXPECT_EQ(db.stats().pool_max, 4U);
}

TEST_F(Pool, check_replaces_dead_connections) {
  PooledDatabase db = open({.min_size = 3, .max_size = 3});
  db.wait();
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  EXPECT_EQ(other.fetch_val<int>("SELECT count(pg_terminate_backend(pid, 10000))::int FROM pg_stat_activity "
                                 "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"),
            3);
  db.check();
  ASSERT_TRUE(eventually([&] { return db.stats().pool_available == 3; }));
  EXPECT_GE(db.stats().connections_lost, 1U);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Pool, check_does_not_touch_healthy_connections) {
  PooledDatabase db = open({.min_size = 3, .max_size = 3});
  db.wait();
  db.check();
  EXPECT_EQ(db.stats().connections_num, 3U);
  EXPECT_EQ(db.stats().pool_available, 3U);
}

TEST_F(Pool, wait_gives_up_in_time_and_leaves_the_pool_open) {
  PooledDatabase db(Config{.host = "127.0.0.1", .port = 1}, {.min_size = 1});
  EXPECT_THROW(db.wait(50ms), PoolTimeout);
  EXPECT_THROW(db.wait(Seconds(-1)), UsageError);
  EXPECT_NO_THROW(db.resize(0, 1));
  EXPECT_NO_THROW(db.wait(0s));
}

TEST_F(Pool, drain_replaces_every_connection) {
  PooledDatabase db = open({.min_size = 2, .max_size = 2});
  db.wait();
  Connection held = db.connection();
  const int held_pid = held.backend_pid();
  db.drain();
  EXPECT_EQ(held.fetch_val<int>("SELECT 1"), 1);
  held.release();
  ASSERT_TRUE(eventually([&] { return db.stats().pool_available == 2 && db.stats().connections_num == 4; }));
  Connection one = db.connection();
  Connection two = db.connection();
  EXPECT_NE(one.backend_pid(), held_pid);
  EXPECT_NE(two.backend_pid(), held_pid);
}

TEST_F(Pool, a_suspended_pool_hands_out_nothing_until_it_resumes) {
  PooledDatabase db = open({.min_size = 2, .max_size = 2});
  db.wait();
  Connection held = db.connection();
  db.suspend();
  EXPECT_THROW((void)db.connection(30ms), PoolTimeout);
  EXPECT_EQ(held.fetch_val<int>("SELECT 1"), 1);
  auto waiting = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 7"); });
  ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  held.release();
  EXPECT_EQ(db.stats().requests_waiting, 1U);
  db.resume();
  EXPECT_EQ(waiting.get(), 7);
}

TEST_F(Pool, it_says_what_it_is_and_never_the_password) {
  Config config = DatabaseTest::config();
  config.password = "secret";
  PooledDatabase db(config, {.min_size = 2, .max_size = 5});
  db.wait();
  EXPECT_EQ(db.name(), "postgres");
  EXPECT_EQ(db.to_string(), "PooledDatabase('postgres', size=2/5)");
  PooledDatabase named(config, {.min_size = 0, .name = "reports"});
  EXPECT_EQ(named.to_string(), "PooledDatabase('reports', size=0/10)");
  EXPECT_EQ(open({.name = "mine"}).name(), "mine");
}

TEST_F(Pool, moving_it_moves_everything) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection held = db.connection();
  PooledDatabase moved = std::move(db);
  held.release();
  EXPECT_EQ(moved.fetch_val<int>("SELECT 1"), 1);
  moved = open({.name = "another"});
  EXPECT_EQ(moved.name(), "another");
  EXPECT_EQ(moved.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Pool, idle_connections_above_min_size_are_closed) {
  PooledDatabase db = open({.min_size = 1, .max_size = 4, .max_idle = 50ms});
  {
    std::vector<Connection> leases;
    for (int i = 0; i < 4; ++i) leases.push_back(db.connection());
  }
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 1; }));
}

TEST_F(Pool, a_connection_is_replaced_when_it_is_too_old) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2, .max_lifetime = 300ms});
  db.wait();
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  EXPECT_TRUE(eventually([&] { return db.fetch_val<int>("SELECT pg_backend_pid()") != pid; }));
  EXPECT_TRUE(eventually([&] { return db.stats().connections_num >= 4; }));
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

TEST_F(Pool, min_idle_keeps_connections_ready) {
  PooledDatabase db = open({.min_size = 1, .max_size = 5, .min_idle = 2});
  Connection a = db.connection();
  Connection b = db.connection();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 2; }));
  EXPECT_EQ(db.stats().pool_size, 4U);
}

TEST_F(Pool, names_on_the_server_are_bounded_though_no_lease_ever_commits) {
  constexpr int leases = 40;
  constexpr int texts_per_lease = 30;
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  std::int64_t most = 0;
  for (int lease = 0; lease < leases; ++lease) {
    Connection conn = db.connection();
    for (int i = 0; i < texts_per_lease; ++i) {
      const std::string sql = "SELECT " + std::to_string(lease * texts_per_lease + i);
      for (int use = 0; use < 2; ++use) conn.execute(sql);
    }
    most = std::max(most, conn.fetch_val<std::int64_t>("SELECT count(*) FROM pg_prepared_statements"));
  }
  EXPECT_LE(most, 512);
  EXPECT_GT(most, 256) << "the workload does not even fill the cache";
  Connection last = db.connection();
  for (int use = 0; use < 2; ++use) last.execute("SELECT 'the last'");
  EXPECT_EQ(last.fetch_val<int>(
                "SELECT count(*)::int FROM pg_prepared_statements WHERE statement = 'SELECT ''the last'''"),
            1)
      << "nothing is prepared any more";
}

TEST_F(Pool, that_was_moved_from_refuses_every_call_and_may_be_closed) {
  PooledDatabase from = open({.min_size = 1, .max_size = 1});
  PooledDatabase to = std::move(from);
  EXPECT_EQ(to.fetch_val<int>("SELECT 1"), 1);
  // NOLINTBEGIN(bugprone-use-after-move)
  EXPECT_THROW(from.execute("SELECT 1"), UsageError);
  EXPECT_THROW((void)from.fetch_val<int>("SELECT 1"), UsageError);
  EXPECT_THROW(from.execute_many("SELECT $1", std::vector<int>{1}), UsageError);
  EXPECT_THROW((void)from.connection(), UsageError);
  EXPECT_THROW(from.transaction([](Connection&) {}), UsageError);
  EXPECT_THROW((void)from.stats(), UsageError);
  EXPECT_THROW(from.resize(1, 1), UsageError);
  EXPECT_THROW(from.check(), UsageError);
  EXPECT_THROW(from.wait(1s), UsageError);
  EXPECT_THROW(from.drain(), UsageError);
  EXPECT_THROW(from.suspend(), UsageError);
  EXPECT_THROW(from.resume(), UsageError);
  EXPECT_THROW((void)from.name(), UsageError);
  EXPECT_THROW((void)from.to_string(), UsageError);
  from.close();
  from = std::move(to);
  EXPECT_EQ(from.fetch_val<int>("SELECT 1"), 1) << "it is a pool again";
  // NOLINTEND(bugprone-use-after-move)
}

TEST_F(Pool, two_pools_of_one_process_do_not_know_each_other) {
  PooledDatabase one = open({.min_size = 1, .max_size = 1});
  PooledDatabase two = open({.min_size = 1, .max_size = 1});
  Connection held = one.connection();
  EXPECT_EQ(two.fetch_val<int>("SELECT 1"), 1);
  one.close(0s);
  EXPECT_EQ(two.fetch_val<int>("SELECT 1"), 1);
}

}  // namespace
}  // namespace copg::test
