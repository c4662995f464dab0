// execute_many of a plain INSERT through the pool: the option, transactions, savepoints, deadlines.
#include "integration/database_test.hpp"

#include <thread>
#include <tuple>
#include <vector>

namespace copg::test {
namespace {

class JoinRows : public DatabaseTest {
 protected:
  /// A table that tells how many of its rows came in one statement: their cmin is the same, and so is xmin.
  static void make_table(PooledDatabase& db) {
    db.execute(
        "DROP TABLE IF EXISTS many; CREATE TABLE many (id serial, n int UNIQUE CHECK (n < 100000), t text)");
  }
  /// A statement writes all its rows with one number of a command.
  static bool came_together(PooledDatabase& db) {
    return db.fetch_val<bool>("SELECT count(DISTINCT (xmin::text, cmin::text)) < count(*) / 2 FROM many");
  }
  static std::vector<std::tuple<int, std::string>> rows(int count) {
    std::vector<std::tuple<int, std::string>> rows;
    for (int n = 0; n < count; ++n) rows.emplace_back(n, "row " + std::to_string(n));
    return rows;
  }
  static constexpr const char* insert = "INSERT INTO many (n, t) VALUES ($1, $2)";
};

TEST_F(JoinRows, the_option_turns_it_off) {
  for (const bool join : {true, false}) {
    for (const PrepareMode prepare : {PrepareMode::automatic, PrepareMode::off}) {
      PooledDatabase db = open({.min_size = 1, .max_size = 1, .prepare = prepare, .join_rows = join});
      for (int call = 0; call < 4; ++call) {
        make_table(db);
        EXPECT_EQ(db.execute_many(insert, rows(1000)), 1000);
        EXPECT_EQ(came_together(db), join);
        EXPECT_TRUE(db.fetch_val<bool>("SELECT bool_and(id = n + 1 AND t = 'row ' || n) FROM many"));
      }
      EXPECT_EQ(db.stats().resets_num, 0U);
    }
  }
}

TEST_F(JoinRows, an_error_undoes_all_rows_or_all_since_the_savepoint) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  make_table(db);
  auto bad = rows(1000);
  std::get<0>(bad[617]) = 100000;
  for (int call = 0; call < 3; ++call) {
    const ErrorInfo info = error_of<QueryFailed>([&] { db.execute_many(insert, bad); });
    EXPECT_EQ(info.row_index, 617);
    EXPECT_TRUE(is_check_violation(info.sqlstate));
    EXPECT_TRUE(info.connection_survives);
    EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM many"), 0);
  }
  db.transaction([&](Connection& conn) {
    conn.execute("INSERT INTO many (n) VALUES (-1)");
    EXPECT_THROW(conn.transaction([&](Connection& inner) { inner.execute_many(insert, bad); }), QueryFailed);
    EXPECT_EQ(conn.execute_many(insert, rows(300)), 300);
    EXPECT_EQ(conn.transaction([&](Connection& inner) {
      std::vector<std::tuple<int, std::string>> more;
      for (int n = 300; n < 600; ++n) more.emplace_back(n, "more");
      return inner.execute_many(insert, more);
    }),
              300);
  });
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM many"), 601);
}

TEST_F(JoinRows, a_deadline_in_the_middle_leaves_nothing) {
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  make_table(watch);
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  EXPECT_EQ(db.execute_many(insert, rows(300)), 300);
  watch.execute("DELETE FROM many");
  for (const bool leased : {false, true}) {
    Connection blocker = watch.connection();
    // The row with this number waits for the end of this transaction.
    blocker.execute("INSERT INTO many (n) VALUES (700)");
    if (leased) {
      Connection conn = db.connection();
      conn.timeout(300ms);
      EXPECT_THROW(conn.execute_many(insert, rows(1000)), QueryTimeout);
      EXPECT_THROW(conn.execute("SELECT 1"), Error);
    } else {
      PooledDatabase late = open({.min_size = 1, .max_size = 1, .timeout = 300ms});
      late.wait();
      // The commit was on its way.
      EXPECT_THROW(late.execute_many(insert, rows(1000)), CommitUnknown);
    }
    blocker.rollback();
    EXPECT_TRUE(eventually([&] {
      return db.fetch_val<int>(
                 "SELECT count(*)::int FROM pg_stat_activity WHERE state <> 'idle' AND query "
                 "LIKE 'INSERT INTO many%'") == 0;
    }));
    EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM many"), 0);
  }
  EXPECT_EQ(db.execute_many(insert, rows(1000)), 1000);
}

TEST_F(JoinRows, a_cancel_request_ends_the_call) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  PooledDatabase watch = open({.min_size = 2, .max_size = 2});
  make_table(db);
  for (int call = 0; call < 2; ++call) {
    EXPECT_EQ(db.execute_many(insert, rows(1000)), 1000);
    db.execute("DELETE FROM many");
  }
  Connection blocker = watch.connection();
  blocker.execute("INSERT INTO many (n) VALUES (700)");
  std::thread canceller([&] {
    EXPECT_TRUE(eventually([&] {
      return watch.fetch_val<bool>(
          "SELECT coalesce(bool_or(pg_cancel_backend(pid)), false) FROM pg_stat_activity "
          "WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO many%'");
    }));
  });
  const ErrorInfo info = error_of<QueryFailed>([&] { db.execute_many(insert, rows(1000)); });
  canceller.join();
  EXPECT_TRUE(is_query_canceled(info.sqlstate));
  EXPECT_LE(info.row_index, 700);
  EXPECT_GT(info.row_index, 700 - 128);
  blocker.rollback();
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM many"), 0);
}

}  // namespace
}  // namespace copg::test
