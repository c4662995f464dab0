// A body that is run again: when, how often, and what its last error tells.
#include "integration/database_test.hpp"

#include <atomic>
#include <mutex>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

class RunAgain : public DatabaseTest {
 protected:
  static void fail_with(Connection& tx, const std::string& sqlstate) {
    tx.execute("DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '" + sqlstate + "'; END $$");
  }
};

TEST_F(RunAgain, a_body_is_run_until_it_succeeds_on_a_connection_leased_anew_each_time) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("DROP TABLE IF EXISTS tried; CREATE TABLE tried (n int)");
  int runs = 0;
  const int result = db.run([&](Connection& tx) {
    EXPECT_EQ(tx.transaction_status(), TransactionStatus::idle);
    EXPECT_EQ(db.stats().leased, 1U);
    tx.execute("INSERT INTO tried VALUES ($1)", ++runs);
    if (runs == 1) fail_with(tx, "40001");
    if (runs == 2) fail_with(tx, "40P01");
    return runs * 10;
  });
  EXPECT_EQ(result, 30);
  EXPECT_EQ(db.fetch_val<int>("SELECT sum(n)::int FROM tried"), 3) << "the attempts before it left something";
  EXPECT_EQ(db.stats().retries_num, 2U);
  EXPECT_EQ(db.stats().leased, 0U);
}

TEST_F(RunAgain, each_attempt_has_the_options_of_the_transaction) {
  PooledDatabase db = open();
  int runs = 0;
  db.run(
      [&](Connection& tx) {
        EXPECT_EQ(tx.fetch_val<std::string>("SHOW transaction_isolation"), "serializable");
        if (++runs < 3) fail_with(tx, "40001");
      },
      {.transaction = {.isolation = Isolation::serializable}});
  EXPECT_EQ(runs, 3);
}

TEST_F(RunAgain, the_last_error_tells_of_all_attempts) {
  PooledDatabase db = open();
  int runs = 0;
  const ErrorInfo error = error_of<QueryFailed>([&] {
    db.run([&](Connection& tx) { fail_with(tx, ++runs == 2 ? "40P01" : "40001"); }, {.attempts = 3});
  });
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(error.attempts, (std::vector<std::string>{"40001: made up", "40P01: made up", "40001: made up"}));
  EXPECT_EQ(error.message,
            "made up; this was attempt 3 of 3; before it, 1: 40001: made up; 2: 40P01: made up");
  EXPECT_TRUE(is_retryable(error.sqlstate));
  EXPECT_EQ(db.stats().retries_num, 2U);
}

TEST_F(RunAgain, no_other_error_is_repeated) {
  PooledDatabase db = open();
  int runs = 0;
  EXPECT_THROW(db.run([&](Connection& tx) { fail_with(tx, (++runs, "23505")); }), QueryFailed);
  EXPECT_EQ(runs, 1);
  struct OfTheBody {};
  const auto throws = [&](Connection&) {
    ++runs;
    throw OfTheBody();
  };
  EXPECT_THROW(db.run(throws), OfTheBody);
  EXPECT_EQ(runs, 2);
  const auto dies = [&](Connection& tx) {
    ++runs;
    tx.execute("SELECT pg_terminate_backend(pg_backend_pid())");
  };
  EXPECT_THROW(db.run(dies), ConnectionFailed);
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(db.stats().retries_num, 0U);
}

TEST_F(RunAgain, a_commit_of_which_nobody_knows_is_never_repeated) {
  PooledDatabase db = open();
  db.execute(
      "DROP TABLE IF EXISTS deadly; CREATE TABLE deadly (n int);"
      "CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON deadly DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
      "EXECUTE FUNCTION die()");
  int runs = 0;
  const auto body = [&](Connection& tx) {
    ++runs;
    tx.execute("INSERT INTO deadly VALUES (1)");
  };
  EXPECT_THROW(db.run(body), CommitUnknown);
  EXPECT_EQ(runs, 1);
}

TEST_F(RunAgain, a_conflict_that_comes_with_the_commit_is_repeated) {
  PooledDatabase db = open();
  db.execute(
      "DROP TABLE IF EXISTS late; CREATE TABLE late (n int);"
      "CREATE OR REPLACE FUNCTION too_late() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN IF NEW.n < 3 THEN RAISE SQLSTATE '40001'; END IF; RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER comes AFTER INSERT ON late DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
      "EXECUTE FUNCTION too_late()");
  int runs = 0;
  db.run([&](Connection& tx) { tx.execute("INSERT INTO late VALUES ($1)", ++runs); });
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(db.fetch_val<int>("SELECT sum(n)::int FROM late"), 3);
}

TEST_F(RunAgain, all_attempts_end_within_one_deadline) {
  PooledDatabase db = open({.timeout = 300ms});
  db.wait();
  const auto begin = std::chrono::steady_clock::now();
  const ErrorInfo error = error_of<QueryFailed>(
      [&] { db.run([&](Connection& tx) { fail_with(tx, "40001"); }, {.attempts = 100'000}); });
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s);
  EXPECT_NE(error.message.find("the deadline leaves no time for another"), std::string::npos)
      << error.message;
  const auto late = [&](Connection& tx) { tx.execute("SELECT pg_sleep(10)"); };
  EXPECT_THROW(db.run(late), QueryTimeout);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 5s);
}

TEST_F(RunAgain, is_refused_inside_a_transaction_of_the_same_pool_and_thread) {
  PooledDatabase db = open();
  PooledDatabase other = open();
  const auto body = [](Connection& tx) { return tx.fetch_val<int>("SELECT 1"); };
  EXPECT_THROW(db.run([&](Connection&) { db.run(body); }), UsageError);
  EXPECT_THROW(db.transaction([&](Connection&) { db.run(body); }), UsageError);
  EXPECT_EQ(db.run([&](Connection&) { return other.run(body); }), 1);
  std::jthread([&] { EXPECT_EQ(db.run(body), 1); }).join();
  EXPECT_EQ(db.run(body), 1) << "a body that has ended";
  EXPECT_THROW(db.run(body, {.attempts = 0}), UsageError);
}

TEST_F(RunAgain, a_body_that_commits_by_itself_or_does_nothing_is_run_once) {
  PooledDatabase db = open();
  db.execute("DROP TABLE IF EXISTS by_itself; CREATE TABLE by_itself (n int)");
  db.run([&](Connection& tx) {
    tx.execute("INSERT INTO by_itself VALUES (1)");
    tx.commit();
  });
  db.run([](Connection&) {});
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM by_itself"), 1);
}

/// Fifty threads that increment one row; each increment leaves its number, too.
class Increments : public RunAgain {
 protected:
  static constexpr int threads = 50;
  static constexpr int increments_of_each = 200;

  void SetUp() override {
    db_.emplace(open({.min_size = 1, .max_size = 10, .timeout = 120s}));
    db_->execute(
        "DROP TABLE IF EXISTS counted, numbers; CREATE TABLE counted (n int); INSERT INTO counted VALUES (0);"
        "CREATE TABLE numbers (id int PRIMARY KEY)");
  }
  [[nodiscard]] PooledDatabase& db() { return *db_; }

  void increment(int id) {
    db_->run(
        [&](Connection& tx) {
          const int before = tx.fetch_val<int>("SELECT n FROM counted");
          tx.execute("INSERT INTO numbers VALUES ($1)", id);
          tx.execute("UPDATE counted SET n = $1", before + 1);
        },
        {.transaction = {.isolation = Isolation::serializable}, .attempts = 100'000});
  }
  /// `increment_once(id)` does it once, whatever happens.
  template <class IncrementOnce>
  void storm(IncrementOnce increment_once) {
    std::vector<std::jthread> callers;
    for (int thread = 0; thread < threads; ++thread) {
      callers.emplace_back([thread, increment_once] {
        for (int i = 0; i < increments_of_each; ++i) increment_once(thread * increments_of_each + i);
      });
    }
    callers.clear();
    EXPECT_EQ(db_->fetch_val<int>("SELECT n FROM counted"), threads * increments_of_each);
    EXPECT_EQ(db_->fetch_val<int>("SELECT count(*)::int FROM numbers"), threads * increments_of_each);
  }

 private:
  std::optional<PooledDatabase> db_;
};

TEST_F(Increments, of_one_row_by_fifty_threads_are_neither_lost_nor_done_twice) {
  storm([this](int id) { increment(id); });
  EXPECT_GT(db().stats().retries_num, 0U);
}

TEST_F(Increments, are_neither_lost_nor_done_twice_when_sessions_are_killed_at_random) {
  std::atomic<int> unknown = 0;
  std::atomic<int> lost = 0;
  std::jthread killer([&](const std::stop_token& stop) {
    PooledDatabase admin = open({.min_size = 1, .max_size = 1});
    while (!stop.stop_requested()) {
      admin.execute(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
          "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1");
      admin.execute("SELECT pg_sleep(0.05)");
    }
  });
  storm([&](int id) {
    for (;;) {
      try {
        return increment(id);
      } catch (const CommitUnknown&) {
        ++unknown;
        for (;;) {
          try {
            if (db().fetch_val<int>("SELECT count(*)::int FROM numbers WHERE id = $1", id) == 1) return;
            break;
          } catch (const ConnectionFailed&) {
          }
        }
      } catch (const ConnectionFailed&) {
        ++lost;
      }
    }
  });
  killer.request_stop();
  RecordProperty("commits_unknown", unknown.load());
  RecordProperty("connections_lost", lost.load());
  EXPECT_GT(lost + unknown, 0);
}

}  // namespace
}  // namespace copg::test
