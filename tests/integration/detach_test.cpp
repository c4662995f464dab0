// Connections that their callers take out of the pool.
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <utility>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

struct Detach : DatabaseTest {
  PooledDatabase db = open({.min_size = 0, .max_size = 1});

  /// Whether the server has a session with that process.
  static bool is_there(int pid) {
    PooledDatabase other = open({.min_size = 0});
    return other.fetch_val<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid);
  }
};

TEST_F(Detach, frees_the_place_at_once_and_keeps_all_verbs) {
  Connection leased = db.connection();
  const int pid = leased.backend_pid();
  Connection own = leased.detach();
  EXPECT_TRUE(leased.closed());
  EXPECT_THROW(leased.execute("SELECT 1"), UsageError);
  EXPECT_NE(db.fetch_val<int>("SELECT pg_backend_pid()"), pid) << "another was opened in its place";
  EXPECT_EQ(own.fetch_val<int>("SELECT pg_backend_pid()"), pid);
  own.commit();
  EXPECT_EQ(own.transaction([](Connection& tx) { return tx.fetch_val<int>("SELECT 2"); }), 2);
  Pipeline two;
  two.add("SELECT 1");
  two.add("SELECT 2");
  EXPECT_EQ(own.execute(two).size(), 2U);
  const PoolStats stats = db.stats();
  EXPECT_EQ(stats.connections_detached, 1U);
  EXPECT_EQ(stats.leased, 0U);
  EXPECT_EQ(stats.pool_size, 1U);
}

TEST_F(Detach, takes_the_open_transaction_the_session_and_the_limits_along) {
  Connection leased = db.connection();
  leased.timeout(7s);
  leased.execute("SET LOCAL work_mem = '7MB'");
  Connection own = leased.detach();
  EXPECT_EQ(own.transaction_status(), TransactionStatus::in_transaction);
  EXPECT_EQ(own.fetch_val<std::string>("SHOW work_mem"), "7MB");
  EXPECT_EQ(own.timeout(), Seconds(7));
  own.rollback();
  EXPECT_NE(own.fetch_val<std::string>("SHOW work_mem"), "7MB");
}

TEST_F(Detach, closes_the_connection_at_its_end) {
  int pid = 0;
  {
    const Connection own = db.connection().detach();
    pid = own.backend_pid();
    EXPECT_TRUE(is_there(pid));
  }
  EXPECT_TRUE(eventually([&] { return !is_there(pid); }));
}

TEST_F(Detach, is_not_ended_by_the_close_of_the_pool) {
  Connection own = db.connection().detach();
  db.close(0s);
  EXPECT_EQ(own.fetch_val<int>("SELECT 1"), 1);
  EXPECT_THROW((void)own.within(50ms).fetch_val<int>("SELECT 1 FROM pg_sleep(30)"), QueryTimeout);
}

TEST_F(Detach, is_not_ended_by_max_lifetime) {
  PooledDatabase brief = open({.min_size = 0, .max_size = 1, .max_lifetime = 20ms});
  Connection own = brief.connection().detach();
  const int pid = own.backend_pid();
  EXPECT_TRUE(own.fetch_val<bool>("SELECT true FROM pg_sleep(0.1)"));
  own.commit();
  EXPECT_EQ(own.fetch_val<int>("SELECT pg_backend_pid()"), pid);
}

TEST_F(Detach, is_refused_inside_a_transaction_block_and_after_a_statement_that_was_given_up) {
  db.transaction([](Connection& tx) {
    EXPECT_THROW((void)tx.detach(), UsageError);
    EXPECT_EQ(tx.fetch_val<int>("SELECT 1"), 1) << "the lease goes on";
  });
  Connection leased = db.connection();
  EXPECT_THROW((void)leased.within(50ms).execute("SELECT pg_sleep(30)"), QueryTimeout);
  EXPECT_THROW((void)leased.detach(), UsageError);
  leased.release();
  EXPECT_THROW((void)leased.detach(), UsageError);
  EXPECT_EQ(db.stats().connections_detached, 0U);
}

TEST_F(Detach, a_dead_connection_is_an_error_and_is_never_replaced) {
  Connection own = db.connection().detach();
  PooledDatabase other = open({.min_size = 0});
  ASSERT_TRUE(other.fetch_val<bool>("SELECT pg_terminate_backend($1, 10000)", own.backend_pid()));
  EXPECT_THROW((void)own.execute("SELECT 1"), ConnectionFailed);
  EXPECT_TRUE(own.closed());
}

TEST_F(Detach, a_pool_that_is_full_serves_the_next_waiter_with_a_new_connection) {
  Connection leased = db.connection();
  std::optional<Connection> own(leased.detach());
  for (int i = 0; i < 10; ++i) {
    Connection next = db.connection();
    own.emplace(next.detach());
  }
  EXPECT_EQ(db.stats().connections_detached, 11U);
  EXPECT_EQ(own->fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Detach, a_forked_child_leaves_it_to_its_parent) {
  Connection own = db.connection().detach();
  const pid_t child = fork();
  if (child == 0) {
    int status = 1;
    try {
      Connection taken = std::move(own);
      taken.execute("SELECT 1");
    } catch (const UsageError&) {
      status = 0;
    } catch (...) {
      status = 2;
    }
    _exit(status);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(own.fetch_val<int>("SELECT 1"), 1);
}

}  // namespace
}  // namespace copg::test
