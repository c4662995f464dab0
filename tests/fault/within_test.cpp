// A deadline of one's own: `within` ends each call in time, wherever it waits, and what it cuts short is
// never half-done.
#include "integration/database_test.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace copg::test {
namespace {

using Clock = copg::Deadline::Clock;

constexpr Seconds given = 100ms;
constexpr double over_by_s = 0.12;

class Within : public DatabaseTest {
 protected:
  /// A pool of one connection, and a table.
  [[nodiscard]] static PooledDatabase one(PoolOptions options = {}) {
    options.min_size = options.max_size = 1;
    PooledDatabase db = open(options);
    db.wait(20s);
    db.within(20s).execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)");
    return db;
  }
};

/// The shortest time of some tries, since on a busy machine any one may be late. The server, which `body` may
/// freeze, goes on after each.
double best_time(testing::ThrowawayPostgres& server, const std::function<double()>& body) {
  double best_s = std::numeric_limits<double>::infinity();
  for (int tries = 0; tries < 8 && best_s > over_by_s; ++tries) {
    best_s = std::min(best_s, body());
    server.thaw();
  }
  return best_s;
}

template <class E>
double time_until(const std::function<void()>& body) {
  return time_of([&] { EXPECT_THROW(body(), E); }).count();
}

void wait_until(Clock::time_point moment) {
  EXPECT_FALSE(
      eventually([] { return false; }, std::chrono::ceil<std::chrono::milliseconds>(moment - Clock::now())));
}

TEST_F(Within, a_call_on_a_frozen_server_ends_in_the_queue) {
  PooledDatabase db = one();
  EXPECT_LT(best_time(server(),
                      [&] {
                        const std::optional<Connection> taken = db.connection();  // or it were a deadlock
                        server().freeze();
                        return time_until<PoolTimeout>([&] { db.within(given).execute("SELECT 1"); });
                      }),
            over_by_s);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Within, a_call_on_a_frozen_server_ends_while_it_connects) {
  PooledDatabase db = open({.min_size = 0, .max_size = 1});
  EXPECT_LT(best_time(server(),
                      [&] {
                        db.drain();
                        EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 0; }));
                        server().freeze();
                        return time_until<PoolTimeout>([&] { db.within(given).execute("SELECT 1"); });
                      }),
            over_by_s);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Within, a_call_on_a_frozen_server_ends_while_it_waits_for_the_answer) {
  PooledDatabase db = one();
  const std::vector<std::function<void(DatabaseWithin)>> calls = {
      [](DatabaseWithin view) { view.execute("SELECT 1"); },
      [](DatabaseWithin view) { (void)view.fetch_all<int>("SELECT 1"); },
      [](DatabaseWithin view) { (void)view.fetch_one<int>("SELECT 1"); },
      [](DatabaseWithin view) { (void)view.fetch_val<int>("SELECT 1"); },
      [](DatabaseWithin view) { view.connection().execute("SELECT 1"); },
      [](DatabaseWithin view) { view.transaction([](Connection& tx) { tx.execute("SELECT 1"); }); },
  };
  for (const auto& call : calls) {
    EXPECT_LT(best_time(server(),
                        [&] {
                          db.execute("SELECT 1");
                          server().freeze();
                          return time_until<QueryTimeout>([&] { call(db.within(given)); });
                        }),
              over_by_s);
    EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  }
}

TEST_F(Within, a_call_on_a_lease_of_a_frozen_server_ends_while_it_waits_for_the_answer) {
  PooledDatabase db = one();
  const std::vector<std::function<void(ConnectionWithin)>> calls = {
      [](ConnectionWithin view) { view.execute("SELECT 1"); },
      [](ConnectionWithin view) { (void)view.fetch_all<int>("SELECT 1"); },
      [](ConnectionWithin view) { (void)view.fetch_one<int>("SELECT 1"); },
      [](ConnectionWithin view) { (void)view.fetch_val<int>("SELECT 1"); },
      [](ConnectionWithin view) {
        view.execute_many("INSERT INTO kept VALUES ($1)", std::vector<int>{1, 2});
      },
      [](ConnectionWithin view) { (void)view.execute(Pipeline().add("SELECT 1")); },
      [](ConnectionWithin view) { view.rollback(); },
      [](ConnectionWithin view) { view.transaction([](Connection& tx) { tx.execute("SELECT 1"); }); },
  };
  for (const auto& call : calls) {
    EXPECT_LT(best_time(server(),
                        [&] {
                          Connection conn = db.connection();
                          conn.execute("SELECT 1");
                          server().freeze();
                          return time_until<QueryTimeout>([&] { call(conn.within(given)); });
                        }),
              over_by_s);
    EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  }
}

TEST_F(Within, a_commit_on_a_frozen_server_ends_and_its_outcome_is_unknown) {
  PooledDatabase db = one();
  EXPECT_LT(best_time(server(),
                      [&] {
                        Connection conn = db.connection();
                        conn.execute("INSERT INTO kept VALUES (1)");
                        server().freeze();
                        return time_until<CommitUnknown>([&] { conn.within(given).commit(); });
                      }),
            over_by_s);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_LT(best_time(server(),
                      [&] {
                        return time_until<CommitUnknown>([&] {
                          db.within(given).transaction([&](Connection& tx) {
                            tx.execute("INSERT INTO kept VALUES (1)");
                            server().freeze();
                          });
                        });
                      }),
            over_by_s);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_LT(best_time(server(),
                      [&] {
                        db.execute("SELECT 1");
                        server().freeze();
                        return time_until<CommitUnknown>([&] {  // its COMMIT travels with the rows
                          db.within(given).execute_many("INSERT INTO kept VALUES ($1)", std::vector<int>{1});
                        });
                      }),
            over_by_s);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Within, a_call_may_take_longer_than_the_timeout_of_the_pool) {
  PooledDatabase db = one({.timeout = 100ms});
  const char* const slow = "SELECT 1 FROM pg_sleep(0.3)";
  EXPECT_THROW((void)db.fetch_val<int>(slow), QueryTimeout);
  EXPECT_EQ(db.within(20s).fetch_val<int>(slow), 1);
  EXPECT_EQ(db.within(20s).transaction([&](Connection& tx) { return tx.fetch_val<int>(slow); }), 1);
  Connection conn = db.within(20s).connection();
  EXPECT_TRUE(std::isinf(conn.timeout().count()));
  EXPECT_EQ(conn.fetch_val<int>(slow), 1);
  conn.release();
  Connection plain = db.connection(copg::Deadline(20s));
  EXPECT_EQ(plain.within(20s).fetch_val<int>(slow), 1);
  EXPECT_EQ(plain.within(20s).transaction([&](Connection& tx) { return tx.fetch_val<int>(slow); }), 1);
  const TransactionOptions tenant{.settings = {{"app.tenant", "7"}}};
  const auto tenant_of = [&](Connection& tx) {
    tx.execute(slow);
    return tx.fetch_val<std::string>("SELECT current_setting('app.tenant')");
  };
  EXPECT_EQ(plain.within(20s).transaction(tenant, tenant_of), "7");
  EXPECT_EQ(plain.timeout(), Seconds(100ms));
  EXPECT_THROW((void)plain.fetch_val<int>(slow), QueryTimeout);
}

TEST_F(Within, the_earlier_of_two_deadlines_holds) {
  PooledDatabase db = one();
  const char* const slow = "SELECT 1 FROM pg_sleep(30)";
  const auto taken = [&](const std::function<void()>& body) { return time_until<QueryTimeout>(body); };
  EXPECT_LT(taken([&] {
              Connection conn = db.within(20s).connection();
              conn.timeout(50ms);
              conn.execute(slow);
            }),
            5);
  EXPECT_LT(taken([&] {
              Connection conn = db.within(given).connection();
              conn.within(20s).execute(slow);
            }),
            5);
  EXPECT_LT(taken([&] {
              Connection conn = db.connection();
              conn.within(given).transaction([&](Connection& tx) { tx.within(20s).execute(slow); });
            }),
            5);
}

TEST_F(Within, one_deadline_is_handed_down_through_several_calls) {
  PooledDatabase db = one();
  const copg::Deadline deadline = Clock::now() + 600ms;
  const auto taken = time_of([&] {
    EXPECT_THROW(for (int i = 0; i < 100; ++i) db.within(deadline).execute("SELECT pg_sleep(0.05)"),
                 QueryTimeout);
    EXPECT_EQ(deadline.left(), Seconds(0));
    EXPECT_THROW(db.within(deadline).execute("SELECT 1"), PoolTimeout);
  });
  EXPECT_GE(taken.count(), 0.59);
  EXPECT_LT(taken.count(), 1.2);
}

TEST_F(Within, a_duration_counts_from_the_call_of_within) {
  PooledDatabase db = one();
  DatabaseWithin view = db.within(50ms);
  wait_until(Clock::now() + 60ms);
  EXPECT_THROW(view.execute("SELECT 1"), PoolTimeout);
}

TEST_F(Within, a_call_whose_deadline_has_passed_sends_nothing_and_its_connection_survives) {
  PooledDatabase db = one();
  const copg::Deadline passed = Clock::now() - 1s;
  const char* const insert = "INSERT INTO kept VALUES (1)";
  const ErrorInfo of_pool = error_of<PoolTimeout>([&] { db.within(passed).execute(insert); });
  EXPECT_NE(of_pool.message.find("no time left"), std::string::npos) << of_pool.message;
  EXPECT_THROW(db.within(passed).execute_many("INSERT INTO kept VALUES ($1)", std::vector<int>{1}),
               PoolTimeout);
  EXPECT_THROW(db.within(passed).transaction([&](Connection& tx) { tx.execute(insert); }), QueryTimeout);
  {
    Connection conn = db.connection();
    const ErrorInfo of_lease = error_of<QueryTimeout>([&] { conn.within(passed).execute(insert); });
    EXPECT_NE(of_lease.message.find("nothing was sent"), std::string::npos) << of_lease.message;
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
    EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM kept"), 0);
    conn.execute(insert);
    EXPECT_THROW(conn.within(passed).commit(), QueryTimeout) << "not CommitUnknown: it was not sent";
    conn.commit();
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM kept"), 1);
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

TEST_F(Within, a_transaction_without_time_for_its_end_is_never_committed_later) {
  PooledDatabase db = one();
  const auto insert_and_wait = [](Connection& tx) {
    const auto end = Clock::now() + 100ms;
    tx.execute("INSERT INTO kept VALUES (1)");
    wait_until(end + 10ms);
  };
  {
    Connection conn = db.connection();
    EXPECT_THROW(conn.within(given).transaction(insert_and_wait), QueryTimeout);
    EXPECT_THROW(conn.execute("INSERT INTO kept VALUES (2)"), UsageError) << "it was given back";
  }
  {
    Connection conn = db.connection();
    EXPECT_THROW(conn.within(given).transaction([&](Connection& tx) {
      insert_and_wait(tx);
      throw std::runtime_error("mine");
    }),
                 std::runtime_error);
    EXPECT_THROW(conn.execute("INSERT INTO kept VALUES (2)"), UsageError) << "it was given back";
  }
  {
    Connection conn = db.connection();
    EXPECT_THROW(conn.transaction([&](Connection& tx) {
      tx.execute("INSERT INTO kept VALUES (0)");
      EXPECT_THROW(tx.within(given).transaction(insert_and_wait), QueryTimeout);
      tx.execute("INSERT INTO kept VALUES (2)");
    }),
                 UsageError);
  }
  EXPECT_THROW(db.within(given).transaction(insert_and_wait), QueryTimeout);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM kept"), 0);
}

TEST_F(Within, it_outlives_the_pool_without_keeping_it_open) {
  std::optional<PooledDatabase> db = one();
  DatabaseWithin view = db->within(20s);
  EXPECT_EQ(view.fetch_val<int>("SELECT 1"), 1);
  db.reset();
  EXPECT_THROW(view.execute("SELECT 1"), PoolClosed);
}

TEST(DeadlineOfACall, refuses_what_is_no_time_and_takes_infinity_for_no_limit) {
  EXPECT_THROW(static_cast<void>(copg::Deadline(-1ns)), UsageError);
  EXPECT_THROW(static_cast<void>(copg::Deadline(Seconds(std::nan("")))), UsageError);
  EXPECT_EQ(copg::Deadline(Seconds(HUGE_VAL)).at(), Clock::time_point::max());
  EXPECT_EQ(copg::Deadline(std::chrono::hours::max()).at(), Clock::time_point::max());
  EXPECT_TRUE(std::isinf(copg::Deadline().left().count()));
  EXPECT_EQ(copg::Deadline(0s).left(), Seconds(0));
  const copg::Deadline hour = 1h;
  EXPECT_GT(hour.left(), 3599s);
  EXPECT_LE(hour.left(), 3600s);
  EXPECT_EQ(copg::Deadline(Clock::time_point()).left(), Seconds(0));
}

}  // namespace
}  // namespace copg::test
