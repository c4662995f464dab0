// Connections that die: idle, leased, in a query, in a transaction, before COMMIT's answer.
#include "integration/database_test.hpp"

#include <future>
#include <vector>

#include "support/gate.hpp"

namespace copg::test {
namespace {

class LostConnection : public DatabaseTest {
 protected:
  void SetUp() override {
    watch_ = std::make_unique<PooledDatabase>(config(), PoolOptions{.min_size = 1, .max_size = 1});
  }

  /// Ends the backend, and waits until it has gone.
  void terminate(int pid) {
    watch_->execute("SELECT pg_terminate_backend($1)", pid);
    ASSERT_TRUE(eventually([&] { return !runs(pid); }));
  }
  [[nodiscard]] bool runs(int pid) {
    return watch_->fetch_val<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid);
  }
  void await_query(const std::string& text) {
    ASSERT_TRUE(eventually([&] {
      return watch_->fetch_val<int>(
                 "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE $1 AND state = 'active' AND "
                 "pid <> "
                 "pg_backend_pid()",
                 text + "%") > 0;
    }));
  }
  PooledDatabase& watch() { return *watch_; }

 private:
  std::unique_ptr<PooledDatabase> watch_;
};

TEST_F(LostConnection, while_idle_is_replaced_before_anybody_notices) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  terminate(db.fetch_val<int>("SELECT pg_backend_pid()"));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_lost, 1U);
}

TEST_F(LostConnection, that_was_leased_but_not_used_is_replaced_before_anybody_notices) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  const int pid = conn.backend_pid();
  terminate(pid);
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
  EXPECT_NE(conn.backend_pid(), pid);
}

TEST_F(LostConnection, says_closed_and_unknown_and_cannot_be_committed) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  conn.execute("SELECT 1");
  EXPECT_FALSE(conn.closed());
  terminate(conn.backend_pid());
  EXPECT_FALSE(conn.closed()) << "as far as anybody knows";
  EXPECT_THROW(conn.execute("SELECT 2"), ConnectionFailed);
  EXPECT_TRUE(conn.closed());
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::unknown);
  EXPECT_THROW(conn.commit(), ConnectionFailed);
  EXPECT_EQ(db.stats().leased, 1U) << "it is still to be given back";
  conn.release();
  EXPECT_TRUE(conn.closed());
  EXPECT_EQ(db.fetch_val<int>("SELECT 3"), 3);
}

TEST_F(LostConnection, that_close_has_cut_off_says_closed) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  conn.execute("SELECT 1");
  db.close(0s);
  EXPECT_TRUE(conn.closed());
  EXPECT_THROW(conn.execute("SELECT 2"), PoolClosed);
}

TEST_F(LostConnection, in_a_transaction_is_told_and_the_rest_of_the_lease_fails) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE lost_tx (x int)");
  Connection conn = db.connection();
  conn.execute("INSERT INTO lost_tx VALUES (1)");
  terminate(conn.backend_pid());
  const ErrorInfo error = error_of<ConnectionFailed>([&] { conn.execute("INSERT INTO lost_tx VALUES (2)"); });
  EXPECT_FALSE(error.connection_survives);
  EXPECT_THROW(conn.execute("SELECT 1"), ConnectionFailed);
  EXPECT_THROW(conn.commit(), Error);
  conn.release();
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM lost_tx"), 0);
  EXPECT_EQ(db.stats().returns_bad, 1U);
}

TEST_F(LostConnection, in_a_query_is_told_at_once_and_the_query_does_not_run_twice) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE SEQUENCE runs");
  auto query = std::async(std::launch::async, [&] { db.execute("SELECT nextval('runs'), pg_sleep(60)"); });
  await_query("SELECT nextval('runs')");
  const int pid = watch().fetch_val<int>(
      "SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT nextval(''runs'')%' "
      "AND pid <> pg_backend_pid()");
  terminate(pid);
  EXPECT_THROW(query.get(), ConnectionFailed);
  EXPECT_EQ(db.fetch_val<std::int64_t>("SELECT last_value FROM runs"), 1);
}

TEST_F(LostConnection, outside_of_a_commit_it_is_never_commit_unknown) {
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE plain_loss (x int)");
  Connection conn = db.connection();
  conn.execute("INSERT INTO plain_loss VALUES (1)");
  gate.lose_answer_to("INSERT INTO plain_loss VALUES (2)");
  EXPECT_THROW(conn.execute("INSERT INTO plain_loss VALUES (2)"), ConnectionFailed);
}

TEST_F(LostConnection, before_commits_answer_it_is_commit_unknown_and_it_may_have_happened) {
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE in_doubt (x int)");
  Connection conn = db.connection();
  conn.execute("INSERT INTO in_doubt VALUES (1)");
  gate.lose_answer_to("COMMIT");
  const ErrorInfo error = error_of<CommitUnknown>([&] { conn.commit(); });
  EXPECT_FALSE(error.connection_survives);
  conn.release();
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM in_doubt"), 1);
}

TEST_F(LostConnection, before_commit_arrives_it_is_commit_unknown_and_it_may_not_have_happened) {
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE not_in_doubt (x int)");
  gate.lose_request("COMMIT");
  EXPECT_THROW(db.transaction([](Connection& tx) { tx.execute("INSERT INTO not_in_doubt VALUES (1)"); }),
               CommitUnknown);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM not_in_doubt"), 0);
}

TEST_F(LostConnection, a_commit_without_an_answer_by_its_deadline_is_commit_unknown) {
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE late_commit (x int)");
  Connection conn = db.connection();
  conn.execute("INSERT INTO late_commit VALUES (1)");
  gate.fall_silent();
  conn.timeout(200ms);
  EXPECT_THROW(conn.commit(), CommitUnknown);
  gate.open();
  conn.release();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(LostConnection, one_dead_connection_sweeps_the_idle_ones_and_no_caller_meets_them) {
  PooledDatabase db = open({.min_size = 8, .max_size = 8});
  db.wait();
  const auto ended = watch().fetch_val<std::string>("SELECT clock_timestamp()::text");
  watch().execute(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid "
      "<> pg_backend_pid()");
  ASSERT_TRUE(eventually([&] {
    return watch().fetch_val<int>(
               "SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> "
               "pg_backend_pid() AND backend_start < $1::timestamptz",
               ended) == 0;
  })) << "a signal is not a death yet";
  for (int i = 0; i < 20; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", i), i);
  EXPECT_LE(db.stats().returns_bad, 1U) << "callers met one stale connection after another";
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 8; }));
}

TEST_F(LostConnection, all_leased_at_once_leaves_the_pool_whole) {
  PooledDatabase db = open({.min_size = 0, .max_size = 4});
  std::vector<Connection> leases;
  for (int i = 0; i < 4; ++i) {
    leases.push_back(db.connection());
    leases.back().execute("SELECT 1");
  }
  for (Connection& lease : leases) terminate(lease.backend_pid());
  for (Connection& lease : leases) EXPECT_THROW(lease.execute("SELECT 2"), ConnectionFailed);
  leases.clear();
  for (int i = 0; i < 4; ++i) leases.push_back(db.connection());
  EXPECT_EQ(db.stats().leased, 4U);
}

TEST_F(LostConnection, a_reset_by_the_network_is_survived_at_any_byte) {
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 2, .max_size = 4});
  for (int round = 0; round < 20; ++round) {
    gate.lose_answer_to("round");
    EXPECT_THROW(db.execute("SELECT 'round', generate_series(1, 2000)"), ConnectionFailed);
    EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", round), round);
  }
}

TEST_F(LostConnection, a_killed_server_is_told_to_those_in_queries_and_served_again_when_it_is_back) {
  testing::ThrowawayPostgres mortal;
  PooledDatabase db(Config::from_url(mortal.url()), {.min_size = 2, .max_size = 4, .timeout = 20s});
  db.wait();
  Connection idle_lease = db.connection();
  Connection busy = db.connection();
  busy.execute("SELECT 1");
  auto query = std::async(std::launch::async, [&] { db.execute("SELECT pg_sleep(60)"); });
  ASSERT_TRUE(eventually([&] { return db.stats().leased == 3; }));
  mortal.kill_hard();
  EXPECT_THROW(query.get(), ConnectionFailed);
  EXPECT_THROW(busy.execute("SELECT 2"), ConnectionFailed);
  busy.release();
  mortal.start();
  EXPECT_EQ(idle_lease.fetch_val<int>("SELECT 3"), 3) << "nothing had been sent on it";
  idle_lease.release();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 2; }));
}

}  // namespace
}  // namespace copg::test
