// After fork(2): the parent goes on as if nothing had happened, and the child has a pool as new.
#include "integration/database_test.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <functional>
#include <future>
#include <vector>

#include "support/sanitizers.hpp"

namespace copg::test {
namespace {

#define COPG_SKIP_UNDER_TSAN \
  if (under_thread_sanitizer) GTEST_SKIP() << "the thread sanitizer does not run threads in a forked child"
// The allocators of the address sanitizers of GCC 12 and Clang 14 have locks of their own, which are not held
// during a fork.
#define COPG_SKIP_UNDER_ASAN   \
  if (under_address_sanitizer) \
  GTEST_SKIP() << "the address sanitizer's own locks may stay taken in a forked child"

/// Runs `body` in a forked child. 0 when it returned true, 1 when false, 2 when it threw.
int in_child(const std::function<bool()>& body, void (*leave)(int)) {
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 2;
    try {
      result = body() ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    leave(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

class Fork : public DatabaseTest {};

TEST_F(Fork, the_child_opens_its_own_and_the_parents_are_untouched) {
  COPG_SKIP_UNDER_TSAN;
  PooledDatabase db = open({.min_size = 3, .max_size = 3});
  db.wait();
  Connection lease = db.connection();
  const int pid = lease.fetch_val<int>("SELECT pg_backend_pid()");
  const auto in_the_child = [&] {
    try {
      lease.execute("SELECT 1");
      return false;
    } catch (const UsageError&) {
    }
    Connection mine = db.connection();
    const bool own = mine.fetch_val<int>("SELECT pg_backend_pid()") != pid && db.stats().leased == 1;
    mine.release();
    lease.release();
    db.close();
    return own;
  };
  EXPECT_EQ(in_child(in_the_child, &::_exit), 0);
  EXPECT_EQ(lease.fetch_val<int>("SELECT pg_backend_pid()"), pid)
      << "the child spoke on the parent's connection";
  lease.commit();
  lease.release();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", i), i);
  EXPECT_EQ(db.stats().connections_num, 3U);
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

TEST_F(Fork, parent_and_child_each_notice_when_the_server_hangs_up_on_their_own) {
  COPG_SKIP_UNDER_TSAN;
  PooledDatabase db = open({.min_size = 3, .max_size = 3});
  db.wait();
  const auto notices_its_own = [&] {
    std::vector<int> pids;
    {
      std::vector<Connection> leases;
      for (int i = 0; i < 3; ++i) pids.push_back(leases.emplace_back(db.connection()).backend_pid());
    }
    PooledDatabase other = open({.min_size = 0, .max_size = 1});
    for (const int pid : pids) other.execute("SELECT pg_terminate_backend($1, 10000)", pid);
    other.close();
    const std::uint64_t requests = db.stats().requests_num;
    return eventually([&] { return db.stats().connections_lost > 0 && db.stats().pool_available == 3; }) &&
           db.stats().requests_num == requests;
  };
  const auto in_the_child = [&] {
    db.wait();  // on connections of its own
    const bool noticed = notices_its_own();
    db.close();
    return noticed;
  };
  EXPECT_EQ(in_child(in_the_child, &::_exit), 0);
  EXPECT_EQ(db.stats().connections_lost, 0U);
  EXPECT_EQ(db.stats().pool_available, 3U);
  EXPECT_TRUE(notices_its_own());
}

TEST_F(Fork, the_child_keeps_the_bounds_that_the_pool_had_last) {
  COPG_SKIP_UNDER_TSAN;
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.resize(2, 4);
  const auto in_the_child = [&] {
    db.wait();
    const PoolStats stats = db.stats();
    return stats.pool_min == 2 && stats.pool_max == 4 && stats.pool_size == 2;
  };
  EXPECT_EQ(in_child(in_the_child, &::_exit), 0);
}

TEST_F(Fork, a_child_that_lets_go_of_everything_inherited_says_nothing_to_the_server) {
  COPG_SKIP_UNDER_TSAN;
  auto db = std::make_unique<PooledDatabase>(open({.min_size = 2, .max_size = 2}));
  db->wait();
  auto lease = std::make_unique<Connection>(db->connection());
  lease->execute("SELECT 1");
  const auto destroy_all = [&] {
    lease.reset();
    db.reset();
    return true;
  };
  EXPECT_EQ(in_child(destroy_all, &::_exit), 0);
  EXPECT_EQ(lease->fetch_val<int>("SELECT 2"), 2);
  EXPECT_EQ(lease->transaction_status(), TransactionStatus::in_transaction);
  lease->commit();
  lease.reset();
  EXPECT_EQ(db->fetch_val<int>("SELECT 3"), 3);
  EXPECT_EQ(db->stats().connections_num, 2U);
}

TEST_F(Fork, works_while_other_threads_wait_and_query) {
  COPG_SKIP_UNDER_TSAN;
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  std::optional<Connection> held = db.connection();
  auto waiting = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 5"); });
  ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  EXPECT_EQ(in_child([&] { return db.fetch_val<int>("SELECT 1") == 1; }, &::_exit), 0);
  held.reset();
  EXPECT_EQ(waiting.get(), 5);
}

TEST_F(Fork, a_grandchild_is_a_child_too) {
  COPG_SKIP_UNDER_TSAN;
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  const auto grandchild = [&] { return db.fetch_val<int>("SELECT 3") == 3; };
  const auto child = [&] {
    return db.fetch_val<int>("SELECT 2") == 2 && in_child(grandchild, &::_exit) == 0 &&
           db.fetch_val<int>("SELECT 4") == 4;
  };
  EXPECT_EQ(in_child(child, &::_exit), 0);
  EXPECT_EQ(db.fetch_val<int>("SELECT 5"), 5);
}

/// Runs the program beside this one. Its exit status, or 100 and the signal.
int run_ending_program(const std::string& url, const std::string& way) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::execl(COPG_ENDING_PROGRAM, COPG_ENDING_PROGRAM, url.c_str(), way.c_str(), nullptr);
    ::_exit(99);
  }
  int status = 0;
  const bool ended = eventually([&] { return ::waitpid(child, &status, WNOHANG) == child; });
  if (!ended) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return 98;
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

class Ending : public DatabaseTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(Ending, of_a_program_with_open_pools_is_in_order_and_leaves_no_session) {
  EXPECT_EQ(run_ending_program(server().url(), GetParam()), 0);
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  EXPECT_TRUE(eventually([&] {
    return watch.fetch_val<int>(
               "SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'") == 1;
  }));
}

INSTANTIATE_TEST_SUITE_P(Ways, Ending,
                         ::testing::Values("static_pool", "static_lease_outlives_pool", "leaked_pool",
                                           "exit_in_a_thread", "exit_in_a_child", "exit_with_waiters",
                                           "exit_with_statements"),
                         [](const auto& way) { return std::string(way.param); });

TEST_F(Fork, a_process_that_may_start_no_more_threads_goes_on) {
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  std::string url = server().tcp_url();
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  EXPECT_EQ(run_ending_program(url, "no_more_threads"), 0);
  EXPECT_TRUE(eventually([&] {
    return watch.fetch_val<int>(
               "SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'") == 1;
  }));
}

/// A storm: libpq and OpenSSL hold locks of their own while a process makes its first connections.
TEST_F(Fork, at_any_moment_of_the_parents_first_connects_leaves_the_child_able_to_connect) {
  COPG_SKIP_UNDER_TSAN;
  COPG_SKIP_UNDER_ASAN;
  const testing::ThrowawayPostgres tls({.tls = true});
  constexpr int forks = 100;
  constexpr int longest_us = 25'000;
  for (int i = 0; i < forks; ++i) {
    const int after_us = i * longest_us / forks;
    ASSERT_EQ(run_ending_program(tls.tcp_url(), "fork_after_" + std::to_string(after_us)), 0) << after_us;
  }
}

TEST_F(Fork, the_child_configures_its_own_connections_also_when_the_parent_is_at_it) {
  COPG_SKIP_UNDER_TSAN;
  std::promise<void> promise;
  const std::shared_future<void> released = promise.get_future().share();
  std::atomic<int> calls = 0;
  const pid_t parent = ::getpid();
  PooledDatabase db =
      open({.min_size = 2, .max_size = 2, .num_workers = 1, .configure = [&](Connection& conn) {
              conn.execute("SET work_mem = '3MB'");
              if (++calls == 2 && ::getpid() == parent) released.wait();
            }});
  ASSERT_TRUE(eventually([&] { return calls == 2; }));
  const auto in_the_child = [&] {
    db.wait();
    const bool configured = db.fetch_val<std::string>("SHOW work_mem") == "3MB";
    db.close();
    return configured;
  };
  EXPECT_EQ(in_child(in_the_child, &::_exit), 0);
  promise.set_value();
  db.wait();
  EXPECT_EQ(db.stats().connections_num, 2U);
}

}  // namespace
}  // namespace copg::test
