// A lease: its transaction, its session, its end.
#include "integration/database_test.hpp"

#include <future>
#include <thread>
#include <utility>

namespace copg::test {
namespace {

class Lease : public DatabaseTest {};

TEST_F(Lease, a_transaction_inside_another_that_can_not_commit_is_undone_and_the_outer_one_goes_on) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("DROP TABLE IF EXISTS outer_one; CREATE TABLE outer_one (n int)");
  db.transaction([](Connection& tx) {
    tx.execute("INSERT INTO outer_one VALUES (1)");
    const auto inner = [](Connection& inside) {
      inside.execute("INSERT INTO outer_one VALUES (2)");
      EXPECT_THROW(inside.execute("SELECT 1 / 0"), QueryFailed);  // as if nothing were the matter
    };
    EXPECT_THROW(tx.transaction(inner), QueryFailed);
    tx.execute("INSERT INTO outer_one VALUES (3)");
  });
  EXPECT_EQ(db.fetch_val<int>("SELECT sum(n)::int FROM outer_one"), 4);
}

TEST_F(Lease, the_first_statement_begins_a_transaction_and_leaving_rolls_it_back) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE left_behind (x int)");
  {
    Connection conn = db.connection();
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
    conn.execute("INSERT INTO left_behind VALUES (1)");
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM left_behind"), 0);
}

TEST_F(Lease, commit_and_rollback_end_the_transaction_and_the_next_statement_begins_another) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE ends (x int)");
  Connection conn = db.connection();
  conn.commit();
  conn.rollback();
  conn.execute("INSERT INTO ends VALUES (1)");
  conn.commit();
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  conn.execute("INSERT INTO ends VALUES (2)");
  conn.rollback();
  EXPECT_EQ(conn.fetch_val<int>("SELECT sum(x)::int FROM ends"), 1);
}

TEST_F(Lease, committing_a_failed_transaction_throws_and_rolls_it_back) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE failing (x int)");
  Connection conn = db.connection();
  conn.execute("INSERT INTO failing VALUES (1)");
  EXPECT_THROW(conn.execute("SELECT 1/0"), QueryFailed);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
  const ErrorInfo error = error_of<QueryFailed>([&] { conn.execute("SELECT 1"); });
  EXPECT_TRUE(is_failed_transaction(error.sqlstate));
  EXPECT_THROW(conn.commit(), QueryFailed);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM failing"), 0);
}

TEST_F(Lease, with_autocommit_each_statement_is_its_own_transaction) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE automatic (x int)");
  Connection conn = db.connection();
  EXPECT_FALSE(conn.autocommit());
  conn.autocommit(true);
  EXPECT_TRUE(conn.autocommit());
  conn.execute("INSERT INTO automatic VALUES (1)");
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  conn.execute("VACUUM automatic");
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM automatic"), 1);
  conn.transaction([&](Connection& tx) {
    EXPECT_THROW(tx.autocommit(false), UsageError);
    tx.execute("INSERT INTO automatic VALUES (2)");
    EXPECT_EQ(tx.transaction_status(), TransactionStatus::in_transaction);
  });
  conn.autocommit(false);
  conn.execute("SELECT 1");
  EXPECT_THROW(conn.autocommit(true), UsageError);
}

TEST_F(Lease, a_pipeline_gives_an_answer_for_each_statement) {
  PooledDatabase db = open();
  Connection conn = db.connection();
  conn.autocommit(true);
  Pipeline pipeline;
  pipeline.add("SELECT 'first'").add("SELECT 1 / $1::int", 0).add("SELECT $1::text", "last");
  const std::vector<PipelineAnswer> answers = conn.execute(pipeline);
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].value()[0][0].as<std::string>(), "first");
  EXPECT_TRUE(answers[1].has_error());
  EXPECT_THROW(answers[1].value(), QueryFailed);
  EXPECT_EQ(answers[2].value()[0][0].as<std::string>(), "last");
  EXPECT_TRUE(conn.execute(Pipeline()).empty());
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
}

TEST_F(Lease, a_nested_transaction_is_a_savepoint) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE nested (x int)");
  db.transaction([](Connection& tx) {
    tx.execute("INSERT INTO nested VALUES (1)");
    const auto inner = [](Connection& in) {
      in.execute("INSERT INTO nested VALUES (2)");
      in.transaction([](Connection& deep) { deep.execute("INSERT INTO nested VALUES (3)"); });
      in.execute("SELECT 1/0");
    };
    EXPECT_THROW(tx.transaction(inner), QueryFailed);
    EXPECT_EQ(tx.transaction_status(), TransactionStatus::in_transaction);
    tx.transaction([](Connection& in) { in.execute("INSERT INTO nested VALUES (4)"); });
  });
  EXPECT_EQ(db.fetch_val<std::string>("SELECT string_agg(x::text, ' ' ORDER BY x) FROM nested"), "1 4");
}

TEST_F(Lease, a_transaction_object_is_rolled_back_unless_it_is_committed) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE objects (x int)");
  Connection conn = db.connection();
  {
    Transaction outer(conn);
    conn.execute("INSERT INTO objects VALUES (1)");
    {
      Transaction inner(conn);
      conn.execute("INSERT INTO objects VALUES (2)");
      EXPECT_TRUE(inner.active());
    }
    Transaction second(conn);
    conn.execute("INSERT INTO objects VALUES (3)");
    second.rollback();
    EXPECT_FALSE(second.active());
    EXPECT_THROW(second.commit(), UsageError);
    EXPECT_THROW(second.rollback(), UsageError);
    outer.commit();
    EXPECT_THROW(outer.commit(), UsageError);
  }
  {
    Transaction dropped(conn);
    conn.execute("INSERT INTO objects VALUES (4)");
  }
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  EXPECT_EQ(conn.fetch_val<int>("SELECT sum(x)::int FROM objects"), 1);
}

TEST_F(Lease, execute_many_is_part_of_the_transaction_of_its_lease) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE many_in (x int)");
  Connection conn = db.connection();
  EXPECT_EQ(conn.execute_many("INSERT INTO many_in VALUES ($1)", std::vector<int>{1, 2}), 2);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
  EXPECT_EQ(conn.execute_many("nothing", std::vector<int>{}), 0);
  conn.rollback();
  conn.autocommit(true);
  EXPECT_EQ(conn.execute_many("INSERT INTO many_in VALUES ($1)", std::vector<int>{3}), 1);
  EXPECT_EQ(db.fetch_val<int>("SELECT sum(x)::int FROM many_in"), 3);
}

TEST_F(Lease, moving_a_lease_moves_the_connection_and_leaves_nothing) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  Connection first = db.connection();
  const int pid = first.backend_pid();
  first.execute("SELECT 1");
  Connection second = std::move(first);
  EXPECT_TRUE(first.closed());  // NOLINT(bugprone-use-after-move): that is what is tested
  EXPECT_THROW(first.execute("SELECT 1"), UsageError);
  EXPECT_EQ(second.backend_pid(), pid);
  EXPECT_EQ(second.transaction_status(), TransactionStatus::in_transaction);
  second = db.connection();
  EXPECT_EQ(db.stats().leased, 1U);
  EXPECT_NE(second.backend_pid(), pid);
}

TEST_F(Lease, a_released_lease_is_dead_and_its_connection_is_someone_elses) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  const int pid = conn.backend_pid();
  EXPECT_FALSE(conn.closed());
  conn.release();
  conn.release();
  EXPECT_TRUE(conn.closed());
  EXPECT_THROW(conn.execute("SELECT 1"), UsageError);
  EXPECT_THROW(conn.commit(), UsageError);
  EXPECT_THROW((void)conn.backend_pid(), UsageError);
  EXPECT_THROW((void)conn.transaction_status(), UsageError);
  EXPECT_THROW((void)conn.parameter_status("TimeZone"), UsageError);
  EXPECT_THROW((void)conn.server_version(), UsageError);
  EXPECT_THROW(Transaction{conn}, UsageError);
  Connection next = db.connection();
  EXPECT_EQ(next.backend_pid(), pid);
}

TEST_F(Lease, a_lease_closed_by_its_caller_is_replaced) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  const int pid = conn.backend_pid();
  conn.close();
  conn.close();
  EXPECT_TRUE(conn.closed());
  EXPECT_THROW(conn.execute("SELECT 1"), UsageError);
  EXPECT_NE(db.connection().backend_pid(), pid);
  EXPECT_EQ(db.stats().returns_bad, 1U);
}

TEST_F(Lease, it_tells_about_its_session) {
  PooledDatabase db = open();
  Connection conn = db.connection();
  EXPECT_EQ(conn.fetch_val<int>("SELECT pg_backend_pid()"), conn.backend_pid());
  EXPECT_EQ(conn.server_version() / 10000,
            conn.fetch_val<int>("SELECT current_setting('server_version_num')::int / 10000"));
  conn.execute("SET TimeZone = 'Asia/Tokyo'");
  EXPECT_EQ(conn.parameter_status("TimeZone"), "Asia/Tokyo");
  EXPECT_EQ(conn.parameter_status("no such"), "");
}

TEST_F(Lease, its_time_limit_ends_a_statement_and_leaves_only_giving_back) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  EXPECT_EQ(conn.timeout(), Seconds(20));
  conn.timeout(200ms);
  EXPECT_EQ(conn.timeout(), Seconds(0.2));
  EXPECT_THROW(conn.timeout(Seconds(-1)), UsageError);
  EXPECT_THROW(conn.timeout(Seconds(std::numeric_limits<double>::quiet_NaN())), UsageError);
  const auto taken = time_of([&] { EXPECT_THROW(conn.execute("SELECT pg_sleep(60)"), QueryTimeout); });
  EXPECT_GE(taken.count(), 0.2);
  EXPECT_LT(taken.count(), 2);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::busy);
  EXPECT_THROW(conn.execute("SELECT 1"), Error);
  conn.release();
  const auto wait = time_of([&] { EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1); });
  EXPECT_LT(wait.count(), 10) << "the statement was not cancelled";
}

TEST_F(Lease, an_infinite_time_limit_is_none) {
  PooledDatabase db = open();
  Connection conn = db.connection(Seconds(std::numeric_limits<double>::infinity()));
  conn.timeout(Seconds(std::numeric_limits<double>::infinity()));
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Lease, the_next_one_starts_in_a_clean_session) {
  for (const ResetMode reset : {ResetMode::tracked, ResetMode::full}) {
    PooledDatabase db = open({.min_size = 1, .max_size = 1, .reset = reset});
    {
      Connection conn = db.connection();
      conn.autocommit(true);
      conn.execute("SET work_mem = '1234kB'");
      conn.execute("CREATE TEMP TABLE scratch (x int)");
      conn.execute("LISTEN channel");
      conn.execute("SELECT pg_advisory_lock(1)");
      conn.execute("PREPARE mine AS SELECT 1");
    }
    Connection next = db.connection();
    EXPECT_NE(next.fetch_val<std::string>("SHOW work_mem"), "1234kB");
    EXPECT_EQ(next.fetch_val<int>("SELECT count(*)::int FROM pg_class WHERE relname = 'scratch'"), 0);
    EXPECT_EQ(next.fetch_val<int>("SELECT count(*)::int FROM pg_listening_channels()"), 0);
    EXPECT_EQ(next.fetch_val<int>("SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory'"), 0);
    EXPECT_EQ(next.fetch_val<int>("SELECT count(*)::int FROM pg_prepared_statements WHERE name = 'mine'"), 0);
  }
}

TEST_F(Lease, with_reset_rollback_settings_stay) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .reset = ResetMode::rollback});
  db.execute("SET work_mem = '1234kB'");
  EXPECT_EQ(db.fetch_val<std::string>("SHOW work_mem"), "1234kB");
  {
    Connection conn = db.connection();
    conn.execute("CREATE TABLE never (x int)");
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM pg_class WHERE relname = 'never'"), 0);
}

TEST_F(Lease, with_reset_rollback_what_no_wipe_undoes_stays_too) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .reset = ResetMode::rollback});
  const int backend = db.fetch_val<int>("SELECT pg_backend_pid()");
  db.execute("SELECT setseed(0.5)");
  {
    Connection conn = db.connection();
    conn.execute("SELECT setseed(0.5)");  // in a transaction, which has to be rolled back
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT pg_backend_pid()"), backend);
}

TEST_F(Lease, a_clean_return_is_not_wiped_unless_asked_for) {
  PooledDatabase tracked = open({.min_size = 1, .max_size = 1});
  for (int i = 0; i < 5; ++i) tracked.execute("SELECT 1");
  EXPECT_EQ(tracked.stats().resets_num, 0U);
  PooledDatabase full = open({.min_size = 1, .max_size = 1, .reset = ResetMode::full});
  for (int i = 0; i < 5; ++i) full.execute("SELECT 1");
  EXPECT_TRUE(eventually([&] { return full.stats().resets_num == 5; }));
}

TEST_F(Lease, it_may_travel_to_another_thread) {
  PooledDatabase db = open();
  Connection conn = db.connection();
  conn.execute("SELECT 1");
  std::async(std::launch::async, [moved = std::move(conn)]() mutable {
    moved.execute("SELECT 2");
    moved.commit();
  }).get();
  EXPECT_EQ(db.stats().leased, 0U);
}

TEST_F(Lease, it_keeps_the_pool_alive_long_enough_to_be_given_back) {
  std::optional<Connection> conn;
  {
    PooledDatabase db = open();
    conn = db.connection();
    db.close(0s);
  }
  EXPECT_THROW(conn->execute("SELECT 1"), PoolClosed);
  conn.reset();
}

}  // namespace
}  // namespace copg::test
