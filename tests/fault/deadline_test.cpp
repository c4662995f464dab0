// Every call ends by its deadline, whatever the network does; and what is cancelled late never hits somebody
// else.
#include "integration/database_test.hpp"

#include <atomic>
#include <functional>
#include <optional>
#include <regex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "support/gate.hpp"

namespace copg::test {
namespace {

constexpr Seconds limit = 300ms;
constexpr double slack_s = 1;

class Deadline : public DatabaseTest {};

void ends_in_time(const std::function<void()>& body) {
  const auto taken = time_of([&] { EXPECT_THROW(body(), Error); });
  EXPECT_LT(taken.count(), limit.count() + slack_s);
}

class OneLine final : public CopySource {
 public:
  std::string_view next() override { return std::exchange(given_, true) ? "" : "1\n"; }

 private:
  bool given_ = false;
};

class NoSink final : public CopySink {
 public:
  void take(std::string_view) override {}
};

/// A pool whose server has gone silent behind the gate, with one lease out on which a transaction is open.
struct Silenced {
  explicit Silenced(std::uint16_t port, const std::string& table)
      : gate(port),
        db(Config::from_url(gate.url()),
           {.min_size = 4, .max_size = 4, .timeout = limit, .connect_timeout = 500ms}) {
    db.wait();
    db.execute("CREATE TABLE " + table + " (x int)");
    lease = db.connection();
    lease->timeout(20s);
    lease->execute("SELECT 1");
    lease->timeout(limit);
    gate.fall_silent();
  }
  /// The network is back: the pool must be, too.
  void recovers() {
    gate.open();
    lease.reset();
    EXPECT_TRUE(eventually([&] {
      try {
        return db.fetch_val<int>("SELECT 1") == 1;
      } catch (const Error&) {
        return false;
      }
    }));
    EXPECT_TRUE(eventually([&] { return db.stats().leased == 0 && db.stats().pool_size == 4; }));
  }
  Gate gate;
  PooledDatabase db;
  std::optional<Connection> lease;
};

TEST_F(Deadline, of_calls_on_the_pool_holds_when_the_server_is_silent) {
  Silenced silenced(server().port(), "silent_pool");
  PooledDatabase& db = silenced.db;
  ends_in_time([&] { db.execute("SELECT 1"); });
  ends_in_time([&] { (void)db.fetch_val<int>("SELECT 1"); });
  ends_in_time([&] { db.execute_many("INSERT INTO silent_pool VALUES ($1)", std::vector<int>{1, 2, 3}); });
  ends_in_time([&] { db.transaction([](Connection& tx) { tx.execute("SELECT 1"); }); });
  db.drain();
  ends_in_time([&] { db.wait(limit); });
  silenced.recovers();
}

TEST_F(Deadline, of_a_check_holds_when_the_server_is_silent) {
  Silenced silenced(server().port(), "silent_check");
  ends_in_time([&] { silenced.db.check(); });
  silenced.recovers();
}

TEST_F(Deadline, of_calls_on_a_lease_holds_when_the_server_is_silent) {
  const std::vector<std::function<void(Connection&)>> calls = {
      [](Connection& conn) { conn.execute("SELECT 1"); },
      [](Connection& conn) {
        conn.execute_many("INSERT INTO t VALUES ($1)", std::vector<int>{1, 2});
      },
      [](Connection& conn) { conn.commit(); },
      [](Connection& conn) { conn.rollback(); },
      [](Connection& conn) { const Transaction savepoint(conn); },
      [](Connection& conn) {
        OneLine source;
        conn.copy_in("COPY t FROM STDIN", source);
      },
      [](Connection& conn) {
        NoSink sink;
        conn.copy_out("COPY (SELECT 1) TO STDOUT", sink);
      },
  };
  Silenced silenced(server().port(), "silent_lease");
  for (const auto& call : calls) {
    silenced.gate.open();
    silenced.lease.reset();
    ASSERT_TRUE(eventually([&] {
      try {
        silenced.lease = silenced.db.connection(20s);
        silenced.lease->timeout(20s);
        silenced.lease->execute("SELECT 1");
        silenced.lease->timeout(limit);
        return true;
      } catch (const Error&) {
        silenced.lease.reset();
        return false;
      }
    }));
    silenced.gate.fall_silent();
    ends_in_time([&] { call(*silenced.lease); });
  }
  silenced.recovers();
}

TEST_F(Deadline, giving_back_and_closing_do_not_wait_for_a_silent_server) {
  Silenced silenced(server().port(), "silent_close");
  EXPECT_THROW(silenced.lease->execute("SELECT 2"), QueryTimeout);
  EXPECT_LT(time_of([&] { silenced.lease.reset(); }).count(), slack_s);
  EXPECT_LT(time_of([&] { silenced.db.close(200ms); }).count(), 0.2 + 1 + slack_s);
  EXPECT_EQ(silenced.db.stats().pool_size, 0U);
}

TEST_F(Deadline, of_less_than_a_millisecond_is_a_deadline) {  // B50
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  Connection conn = db.connection();
  conn.timeout(Seconds(0.0004));
  const auto taken = time_of([&] { EXPECT_THROW(conn.execute("SELECT pg_sleep(30)"), QueryTimeout); });
  EXPECT_LT(taken.count(), slack_s);
  const auto wait = time_of([&] { EXPECT_THROW((void)db.connection(Seconds(0.0004)), PoolTimeout); });
  EXPECT_LT(wait.count(), slack_s);
}

TEST_F(Deadline, of_getting_a_connection_holds_also_when_the_first_one_turns_out_dead) {
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 1, .timeout = 20s});
  db.wait();
  Connection conn = db.connection(limit);
  gate.fall_silent();
  gate.reset_all();
  ASSERT_TRUE(eventually([&] { return gate.connections() == 0; }));
  ErrorInfo info;
  const auto taken = time_of([&] { info = error_of<PoolTimeout>([&] { conn.execute("SELECT 1"); }); });
  EXPECT_LT(taken.count(), limit.count() + slack_s);
  EXPECT_NE(info.message.find("had no connection for 0."), std::string::npos) << info.message;
  gate.open();
  conn.release();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Deadline, of_getting_a_connection_does_not_count_what_the_caller_did_in_between) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  Connection conn = db.connection(limit);
  const int pid = conn.backend_pid();
  open().execute("SELECT pg_terminate_backend($1), pg_sleep($2)", pid, 2 * limit.count());
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1) << "there was time enough for another";
  EXPECT_NE(conn.backend_pid(), pid);
}

TEST_F(Deadline, that_has_passed_in_the_queue_is_told_with_the_number_of_those_who_waited) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const std::optional<Connection> taken = db.connection();  // moved: it may be given back by anybody
  const ErrorInfo info = error_of<PoolTimeout>([&] { (void)db.connection(10ms); });
  EXPECT_NE(info.message.find(" 1 waiting"), std::string::npos) << info.message;
  EXPECT_EQ(info.pool->requests_waiting, 1U);
  EXPECT_EQ(db.stats().requests_waiting, 0U);
  for (const bool share : {false, true}) {
    PooledDatabase full = open({.min_size = 1, .max_size = 1, .timeout = 200ms, .share = share});
    const std::optional<Connection> its_only_one = full.connection();
    const ErrorInfo of_statement = error_of<PoolTimeout>([&] { full.execute("SELECT 1"); });
    EXPECT_EQ(of_statement.pool->requests_waiting, 1U) << share;
    EXPECT_EQ(error_of<PoolClosed>([&] { full.close(0s), full.execute("SELECT 1"); }).pool->requests_waiting,
              0U);
  }
}

TEST_F(Deadline, covers_the_queue_and_the_answer_together) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .timeout = 600ms});
  db.wait();
  std::optional<Connection> held = db.connection();
  std::thread giver([&] {
    (void)eventually([&] { return db.stats().requests_waiting == 1; });
    (void)eventually([] { return false; }, 300ms);
    held.reset();
  });
  const auto taken = time_of([&] { EXPECT_THROW(db.execute("SELECT pg_sleep(30)"), QueryTimeout); });
  giver.join();
  EXPECT_GE(taken.count(), 0.6);
  EXPECT_LT(taken.count(), 0.6 + 0.25) << "the answer had a deadline of its own";
}

TEST_F(Deadline, a_timed_out_statement_is_cancelled_on_the_server) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2, .timeout = 300ms});
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  EXPECT_THROW(db.execute("SELECT pg_sleep(300)"), QueryTimeout);
  EXPECT_TRUE(eventually([&] {
    return watch.fetch_val<int>(
               "SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND query LIKE "
               "'SELECT pg_sleep(300)%'") == 0;
  }));
}

/// Where the time of a late answer went, by its message.
struct Spent {
  double queue_s = -1;
  double connecting_s = -1;
  double server_s = -1;

  explicit Spent(const std::string& message) {
    std::smatch found;
    const std::regex spans(
        R"(: ([0-9.]+) s in the queue, ([0-9.]+) s connecting, ([0-9.]+) s waiting for the server \()");
    if (!std::regex_search(message, found, spans)) {
      ADD_FAILURE() << message;
      return;
    }
    queue_s = std::stod(found[1]);
    connecting_s = std::stod(found[2]);
    server_s = std::stod(found[3]);
  }
};

TEST_F(Deadline, a_late_answer_is_no_pool_timeout_and_its_text_says_of_which_pool_and_statement) {
  PooledDatabase db(config(), {.min_size = 1, .max_size = 1, .timeout = limit, .name = "orders"});
  db.wait(10s);
  const char* const sql = "SELECT\n  pg_sleep(30)";
  try {
    db.execute(sql);
    FAIL() << "it was answered";
  } catch (const QueryTimeout& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("pool 'orders' had no answer from the server within 0.")) << text;
    EXPECT_TRUE(text.ends_with("\nSTATEMENT: SELECT pg_sleep(30)")) << text;
    EXPECT_EQ(error.info().query, sql);
    const Spent spent(text);
    EXPECT_EQ(spent.queue_s, 0);
    EXPECT_EQ(spent.connecting_s, 0);
    EXPECT_GE(spent.server_s, limit.count() - 0.001);
  }
}

TEST_F(Deadline, a_late_answer_says_how_long_its_connection_was_made) {
  PooledDatabase db(config(),
                    {.min_size = 0, .max_size = 1, .timeout = 600ms, .configure = [](Connection& conn) {
                       conn.execute("SELECT pg_sleep(0.2)");
                     }});
  const Spent spent(error_of<QueryTimeout>([&] { db.execute("SELECT pg_sleep(30)"); }).message);
  EXPECT_GE(spent.connecting_s, 0.2);
  EXPECT_GT(spent.server_s, 0);
  EXPECT_LT(spent.queue_s, 0.2);
}

TEST_F(Deadline, a_late_answer_says_how_long_it_queued) {
  for (const bool share : {false, true}) {
    PooledDatabase db(config(), {.min_size = 1, .max_size = 1, .timeout = 2s, .share = share});
    db.wait(10s);
    Connection conn = db.connection();
    std::vector<std::string> messages(share ? 2 : 1);
    std::vector<std::thread> callers;
    for (std::string& message : messages) {
      callers.emplace_back([&] {
        message = error_of<QueryTimeout>([&] {
                    db.execute("SELECT count(*) FROM generate_series(1, 2000000000)");
                  }).message;
      });
      EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == callers.size(); }));
      // The second, which goes on when the time of the first is up, has some left then.
      conn.execute("SELECT pg_sleep(0.5)");
    }
    conn.execute("SELECT pg_sleep(0.2)");
    conn.release();
    for (std::thread& caller : callers) caller.join();
    for (const std::string& message : messages) {
      const Spent spent(message);
      EXPECT_GE(spent.queue_s, 0.2) << message;
      EXPECT_GT(spent.server_s, 0) << message;
      EXPECT_EQ(spent.connecting_s, 0) << message;
    }
    EXPECT_EQ(db.stats().runs_num, share ? 1U : 0U);
  }
}

TEST_F(Deadline, a_late_answer_is_not_counted_as_a_request_that_left_the_queue) {
  for (const bool share : {false, true}) {
    PooledDatabase db(config(), {.min_size = 1, .max_size = 1, .timeout = limit, .share = share});
    db.wait();
    Connection first = db.connection();
    std::thread call([&] { EXPECT_THROW(db.execute("SELECT pg_sleep(60)"), QueryTimeout); });
    EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
    first.release();
    call.join();
    EXPECT_EQ(db.stats().requests_cancelled, 0U) << "share: " << share;
  }
}

TEST_F(Deadline, a_late_answer_to_anything_but_a_commit_is_a_query_timeout) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const auto late = [&](const std::function<void(Connection&)>& call) {
    Connection conn = db.connection();
    conn.timeout(100ms);
    EXPECT_THROW(call(conn), QueryTimeout);
  };
  const std::vector<std::tuple<int>> rows = {{1}};
  OneLine line;
  NoSink sink;
  late([&](Connection& conn) { conn.execute("SELECT pg_sleep(30); SELECT 1"); });
  late([&](Connection& conn) { conn.execute_many("SELECT pg_sleep(30 * $1::int)", rows); });
  late([&](Connection& conn) { conn.copy_out("COPY (SELECT pg_sleep(30)) TO STDOUT", sink); });
  db.execute("CREATE TABLE slowly_filled (x text CHECK (pg_sleep(30) IS NOT NULL))");
  late([&](Connection& conn) { conn.copy_in("COPY slowly_filled FROM STDIN", line); });
  late([&](Connection& conn) {
    Pipeline pipeline;
    pipeline.add("SELECT pg_sleep(30)");
    static_cast<void>(conn.execute(pipeline));
  });
}

TEST_F(Deadline, a_late_cancel_never_hits_the_next_lease) {  // B29
  Gate gate(server().port());
  PooledDatabase db(Config::from_url(gate.url()),
                    {.min_size = 1, .max_size = 1, .timeout = 20s, .connect_timeout = 2s});
  db.wait();
  for (int round = 0; round < 3; ++round) {
    gate.hold_cancels();
    {
      Connection conn = db.connection();
      conn.timeout(50ms);
      EXPECT_THROW(conn.execute("SELECT pg_sleep(0.2)"), QueryTimeout);
    }
    ASSERT_TRUE(eventually([&] { return gate.cancels() == round + 1; }));
    std::thread opener([&] {
      (void)eventually([&] { return db.stats().requests_waiting == 0; }, 400ms);
      gate.open();
    });
    for (int i = 0; i < 20; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int FROM pg_sleep(0.005)", i), i);
    opener.join();
  }
}

TEST_F(Deadline, a_storm_of_timeouts_leaves_the_pool_whole) {
  PooledDatabase db = open({.min_size = 2, .max_size = 4});
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 0; n < 30; ++n) {
        try {
          Connection conn = db.connection(Seconds(0.001 * (n % 7)));
          conn.timeout(Seconds(0.0007 * ((n + t) % 5)));
          const int tag = t * 1000 + n;
          if (conn.fetch_val<int>("SELECT $1::int FROM pg_sleep(0.001)", tag) != tag) ++wrong;
        } catch (const PoolTimeout&) {
        } catch (const QueryTimeout&) {
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(eventually([&] {
    const PoolStats stats = db.stats();
    return stats.leased == 0 && stats.requests_waiting == 0 && stats.pool_available >= 2 &&
           stats.resetting == 0;
  }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", i), i);
}

}  // namespace
}  // namespace copg::test
