// The pool behind PgBouncer, in each of its modes: what works with `prepare` off, and what becomes of
// prepared statements in transaction mode.
#include "support/pgbouncer.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <variant>
#include <vector>

#include "integration/database_test.hpp"
#include "poolers/callers.hpp"
#include "support/guarded_tenants.hpp"

namespace copg::test {
namespace {

PgBouncer::Settings in_mode(const std::string& mode) {
  // Fewer servers than the pool has connections make it pass them round. In session mode each connection
  // keeps its own.
  return {{"pool_mode", mode},
          {"default_pool_size", mode == "session" ? "8" : "3"},
          {"max_client_conn", "100"},
          // Seconds until it tries a server again that it could not log in to; the default of 15 is for
          // production.
          {"server_login_retry", "1"}};
}

class Lines final : public CopySource {
 public:
  std::string_view next() override {
    if (sent_ == 2000) return {};
    line_ = std::to_string(sent_++) + "\n";
    return line_;
  }

 private:
  int sent_ = 0;
  std::string line_;
};

class Text final : public CopySink {
 public:
  void take(std::string_view piece) override { text += piece; }
  std::string text;
};

class Bouncer : public ::testing::TestWithParam<const char*> {
 protected:
  explicit Bouncer(const char* mode = GetParam()) : bouncer(server, in_mode(mode)) {}

  [[nodiscard]] PooledDatabase open(PoolOptions options = {}) const {
    options.min_size = 1;
    if (options.timeout == PoolOptions{}.timeout) options.timeout = 20s;
    return PooledDatabase(Config::from_url(bouncer.url()), std::move(options));
  }
  [[nodiscard]] bool serves(PooledDatabase& db) const {
    return eventually([&] {
      try {
        return db.fetch_val<int>("SELECT 1") == 1;
      } catch (const ConnectionFailed&) {
        return false;
      }
    });
  }

  testing::ThrowawayPostgres server{{.tcp = false}};
  PgBouncer bouncer;
};

TEST_P(Bouncer, many_callers_get_their_own_rows) {
  PooledDatabase db = open({.max_size = 8, .prepare = PrepareMode::off});
  expect_own_rows(db, 8, 100);
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

// Each statement of a run has a Sync of its own, so that a pooler may give each of them another server.
TEST_P(Bouncer, the_size_of_the_server_says_nothing_of_a_pool_behind_it) {
  const auto seen = std::make_shared<Warnings>();
  PooledDatabase db = open({.max_size = 5000, .prepare = PrepareMode::off, .observer = seen});
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  db.close();
  EXPECT_EQ(seen->count, 0);
}

TEST_P(Bouncer, is_seen_by_the_pool_which_then_prepares_nothing_unless_it_is_told_to) {
  const auto seen = std::make_shared<Warnings>();
  const auto prepared = [this](PrepareMode prepare, const std::shared_ptr<Observer>& observer) {
    PooledDatabase db = open({.max_size = 1, .prepare = prepare, .observer = observer});
    for (int i = 0; i < 4; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int + 41", 1), 42);
    return db.fetch_val<int>("SELECT count(*)::int FROM pg_prepared_statements WHERE statement LIKE '%+ 41'");
  };
  EXPECT_EQ(prepared(PrepareMode::automatic, seen), 0);
  EXPECT_EQ(seen->count, 1);
  EXPECT_NE(seen->text().find("a pooler stands between"), std::string::npos) << seen->text();
  EXPECT_EQ(prepared(PrepareMode::automatic, nullptr), 0);
  EXPECT_EQ(prepared(PrepareMode::off, seen), 0);
  if (std::string_view(GetParam()) == "session") {
    EXPECT_EQ(prepared(PrepareMode::on, seen), 1);
  }
  EXPECT_EQ(seen->count, 1);
}

TEST_P(Bouncer, statements_travel_together_and_each_caller_gets_its_own_rows) {
  PooledDatabase db = open({.max_size = 2, .prepare = PrepareMode::off});
  expect_own_rows(db, 16, 200);
  const PoolStats stats = db.stats();
  EXPECT_GT(stats.statements_shared, 0U);
  EXPECT_EQ(stats.connections_lost, 0U);
}

TEST_P(Bouncer, the_error_of_one_statement_leaves_those_that_travel_with_it_alone) {
  PooledDatabase db = open({.max_size = 2, .prepare = PrepareMode::off});
  expect_own_errors(db, 16, 100);
  EXPECT_GT(db.stats().statements_shared, 0U);
}

TEST_P(Bouncer, execute_many_is_all_or_nothing) {
  PooledDatabase db = open({.max_size = 2, .prepare = PrepareMode::off});
  db.execute("CREATE TABLE many (x int CHECK (x >= 0))");
  std::vector<int> rows(20'000, 1);
  EXPECT_EQ(db.execute_many("INSERT INTO many VALUES ($1)", rows), 20'000);
  rows[19'000] = -1;
  const ErrorInfo error =
      error_of<QueryFailed>([&] { db.execute_many("INSERT INTO many VALUES ($1)", rows); });
  EXPECT_EQ(error.row_index, 19'000);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM many"), 20'000);
}

TEST_P(Bouncer, many_rows_are_all_or_nothing_joined_or_not) {
  for (const PrepareMode prepare : {PrepareMode::off, PrepareMode::on}) {
    // Names of another server's fail the calls in between.
    if (prepare == PrepareMode::on && std::string_view(GetParam()) != "session") continue;
    PooledDatabase db = open({.max_size = 2, .prepare = prepare});
    db.execute("DROP TABLE IF EXISTS lots");
    db.execute("CREATE TABLE lots (x int CHECK (x >= 0), t text)");
    const std::string text(200, 't');
    // Some 4 MiB: more than are kept.
    std::vector<std::tuple<int, std::string>> rows(20'000, {1, text});
    const auto count = static_cast<std::int64_t>(rows.size());
    for (int call = 0; call < 3; ++call)
      EXPECT_EQ(db.execute_many("INSERT INTO lots VALUES ($1, $2)", rows), count);
    const std::size_t last = rows.size() - 5;
    std::get<0>(rows[last]) = -1;
    const ErrorInfo error =
        error_of<QueryFailed>([&] { db.execute_many("INSERT INTO lots VALUES ($1, $2)", rows); });
    EXPECT_EQ(error.row_index, static_cast<std::int64_t>(last));
    EXPECT_EQ(db.fetch_val<std::int64_t>("SELECT count(*) FROM lots"), 3 * count);
  }
}

TEST_P(Bouncer, a_late_statement_is_cancelled_and_the_connection_goes_on) {
  PooledDatabase db = open({.max_size = 1, .prepare = PrepareMode::off});
  PooledDatabase watch(Config::from_url(server.url()), {.min_size = 1, .max_size = 1});
  const bool transactions = std::string_view(GetParam()) != "statement";
  for (int round = 0; round < 4; ++round) {
    {
      Connection conn = db.connection();
      conn.autocommit(!transactions || round % 2 == 0);
      conn.timeout(100ms);
      EXPECT_THROW(conn.execute("SELECT pg_sleep(300)"), QueryTimeout);
    }
    EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", round), round);
    EXPECT_EQ(watch.fetch_val<int>("SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND "
                                   "query LIKE 'SELECT pg_sleep(300)%'"),
              0);
  }
  EXPECT_EQ(db.stats().connections_num, 1U) << "it was closed, not cleaned";
}

class BouncerWithTransactions : public Bouncer {};

TEST_P(BouncerWithTransactions, a_transaction_is_kept_together) {
  PooledDatabase db = open({.max_size = 8, .prepare = PrepareMode::off});
  db.execute("CREATE TABLE kept (thread int, x int)");
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 0; n < 20; ++n) {
        try {
          db.transaction([&](Connection& tx) {
            tx.execute("INSERT INTO kept VALUES ($1, $2)", t, n);
            const int pid = tx.fetch_val<int>("SELECT pg_backend_pid()");
            const Transaction savepoint(tx);
            tx.execute("INSERT INTO kept VALUES ($1, $2)", t, -n);
            EXPECT_EQ(tx.fetch_val<int>("SELECT pg_backend_pid()"), pid);
          });
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM kept"), 8 * 20) << "the savepoints were rolled back";
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

TEST_P(BouncerWithTransactions, a_hundred_tenants_see_not_one_row_of_another) {
  PooledDatabase db = open({.max_size = 8, .prepare = PrepareMode::off});
  db.execute(GuardedTenants::making());
  GuardedTenants tenants;
  std::vector<std::thread> callers;
  for (unsigned number = 0; number < 8; ++number) {
    callers.emplace_back([&, number] {
      std::minstd_rand dice(number + 1);
      for (int i = 0; i < 60; ++i) tenants.work(db, dice);
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(tenants.wrong(), std::vector<std::string>());
}

TEST_P(BouncerWithTransactions, copy_goes_in_and_out) {
  PooledDatabase db = open({.max_size = 2, .prepare = PrepareMode::off});
  db.execute("CREATE TABLE copied (x int)");
  db.transaction([](Connection& tx) {
    Lines lines;
    EXPECT_EQ(tx.copy_in("COPY copied FROM STDIN", lines), 2000);
    Text text;
    EXPECT_EQ(tx.copy_out("COPY (SELECT x FROM copied ORDER BY x LIMIT 2) TO STDOUT", text), 2);
    EXPECT_EQ(text.text, "0\n1\n");
  });
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM copied"), 2000);
}

TEST_P(BouncerWithTransactions, a_late_execute_many_leaves_nothing_and_the_pool_goes_on) {
  PooledDatabase db = open({.max_size = 1, .prepare = PrepareMode::off});
  db.execute("CREATE TABLE late (x int)");
  {
    Connection conn = db.connection();
    conn.autocommit(true);
    conn.timeout(200ms);
    EXPECT_THROW(conn.execute_many("INSERT INTO late SELECT $1 FROM pg_sleep(0.1)", std::vector<int>(100, 1)),
                 Error);
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM late"), 0);
}

TEST_P(BouncerWithTransactions, a_transaction_left_open_is_rolled_back) {
  PooledDatabase db = open({.max_size = 1, .prepare = PrepareMode::off});
  db.execute("CREATE TABLE left_open (x int)");
  {
    Connection conn = db.connection();
    conn.execute("INSERT INTO left_open VALUES (1)");
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM left_open"), 0);
}

TEST_P(Bouncer, a_restart_of_the_server_behind_it_is_survived) {
  PooledDatabase db = open({.max_size = 4, .prepare = PrepareMode::off});
  expect_own_rows(db, 4, 5);
  server.stop(testing::StopMode::immediate);
  EXPECT_THROW(
      {
        Connection conn = db.connection(2s);
        conn.timeout(2s);
        conn.autocommit(true);
        conn.execute("SELECT 1");
      },
      Error);
  server.start();
  EXPECT_TRUE(serves(db));
  expect_own_rows(db, 4, 20);
}

TEST_P(Bouncer, its_own_restart_is_survived_like_the_servers) {
  PooledDatabase db = open({.max_size = 4, .prepare = PrepareMode::off});
  expect_own_rows(db, 4, 5);
  bouncer.stop();
  bouncer.start();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1) << "the dead connection was not seen before its first byte";
  expect_own_rows(db, 4, 20);
}

TEST_P(Bouncer, its_own_restart_is_noticed_without_a_request) {
  PooledDatabase db = open({.max_size = 4, .prepare = PrepareMode::off});
  expect_own_rows(db, 4, 5);
  const PoolStats before = db.stats();
  bouncer.stop();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 0; }));
  bouncer.start();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 1; }));
  EXPECT_EQ(db.stats().requests_num, before.requests_num);
  expect_own_rows(db, 4, 20);
  EXPECT_EQ(db.stats().returns_bad, before.returns_bad) << "a request was given a dead connection";
}

TEST_P(Bouncer, lets_listeners_hear_or_is_refused) {
  PooledDatabase db = open({.max_size = 2, .prepare = PrepareMode::off});
  if (std::string_view(GetParam()) != "session") {
    const ErrorInfo refused = error_of<ConfigurationError>([&] { (void)db.listener("jobs"); });
    EXPECT_NE(refused.message.find("a pooler gives each transaction another session"), std::string::npos)
        << refused.message;
    EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);  // the pool itself goes on
    return;
  }
  Listener listener = db.listener("jobs");
  listener.add("more");
  db.notify("jobs", "one");
  db.notify("more", "two");
  for (const char* expected : {"one", "two"}) {
    const auto arrival = listener.next(20s);
    ASSERT_TRUE(arrival && std::holds_alternative<Notification>(*arrival));
    EXPECT_EQ(std::get<Notification>(*arrival).payload, expected);
  }
  EXPECT_FALSE(listener.next(0s));
}

/// Two statements in one transaction, with a few texts used again and again: prepared, where statements are.
void call_in_transaction(PooledDatabase& db, int tag) {
  db.transaction([&](Connection& tx) {
    EXPECT_EQ(tx.fetch_val<int>("SELECT $1::int", tag), tag);
    EXPECT_EQ(tx.fetch_val<int>("SELECT -$1::int", tag), -tag);
  });
}

// The names of prepared statements are of one connection, but a server in transaction mode sees those of all.
class BouncerAndPrepared : public Bouncer {
 protected:
  BouncerAndPrepared() : Bouncer("transaction") {}
};

TEST_F(BouncerAndPrepared, sessions_that_are_shared_are_found_out_while_others_use_them) {
  PooledDatabase busy = open({.max_size = 2, .prepare = PrepareMode::off});
  std::atomic<bool> over = false;
  std::vector<std::thread> others;
  for (int i = 0; i < 2; ++i) {
    others.emplace_back([&] {
      while (!over) busy.execute("SELECT 1");
    });
  }
  PooledDatabase db =
      open({.min_size = 0, .max_size = 1, .connect_timeout = 2s, .prepare = PrepareMode::off});
  for (int i = 0; i < 3; ++i) error_of<ConfigurationError>([&] { (void)db.listener("jobs"); });
  over = true;
  for (std::thread& other : others) other.join();
}

TEST_F(BouncerAndPrepared, statements_never_give_the_rows_of_others) {
  PooledDatabase db = open({.max_size = 8, .prepare = PrepareMode::on});
  expect_own_rows(db, 8, 100);
}

TEST_F(BouncerAndPrepared, nothing_is_lost_where_nobody_has_said_that_there_is_a_pooler) {
  PooledDatabase db = open({.max_size = 8});
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 0; n < 100; ++n) EXPECT_NO_THROW(call_in_transaction(db, t * 100 + n));
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(BouncerAndPrepared, statements_that_are_lost_in_transactions_say_so_and_are_given_up) {
  PooledDatabase db = open({.max_size = 8, .prepare = PrepareMode::on});
  std::atomic<int> lost = 0;
  const auto call_with_many_threads = [&](int calls) {
    std::vector<std::thread> callers;
    for (int t = 0; t < 8; ++t) {
      callers.emplace_back([&, t] {
        for (int n = 0; n < calls; ++n) {
          try {
            call_in_transaction(db, t * calls + n);
          } catch (const QueryFailed& error) {
            EXPECT_EQ(error.info().sqlstate.text(), "26000") << error.what();
            EXPECT_NE(error.info().hint, "");
            ++lost;
          }
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  };
  call_with_many_threads(100);
  EXPECT_LE(lost, 8 * 3) << "each connection may lose its names three times";
  expect_own_rows(db, 8, 20);
}

TEST(BouncerInStatementMode, refuses_transactions_in_its_own_words) {
  const testing::ThrowawayPostgres server{{.tcp = false}};
  const PgBouncer bouncer(server, in_mode("statement"));
  PooledDatabase db(Config::from_url(bouncer.url()), {.min_size = 1, .prepare = PrepareMode::off});
  const ErrorInfo error =
      error_of<ConnectionFailed>([&] { db.transaction([](Connection& tx) { tx.execute("SELECT 1"); }); });
  EXPECT_NE(error.message.find("statement pooling"), std::string::npos) << error.message;
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST(BouncerWithTls, sends_records_larger_than_postgres_does_and_no_byte_of_them_is_left_waiting) {
  const testing::ThrowawayPostgres server{{.tls = true}};
  PgBouncer::Settings settings = in_mode("session");
  settings.insert(settings.end(), {{"client_tls_sslmode", "require"},
                                   {"client_tls_cert_file", server.certificate()},
                                   {"client_tls_key_file", server.key()},
                                   {"pkt_buf", "65536"}});
  const PgBouncer bouncer(server, settings);
  PooledDatabase db(Config::from_url(bouncer.tcp_url() + "?sslmode=require"),
                    {.min_size = 1, .max_size = 1, .timeout = 20s, .prepare = PrepareMode::off});
  const auto rows_of = [](int kilobytes) {
    return "SELECT repeat('x', 1000) FROM generate_series(1, " + std::to_string(kilobytes) + ")";
  };
  for (int kilobytes = 1; kilobytes < 100; ++kilobytes)
    ASSERT_EQ(static_cast<int>(db.execute(rows_of(kilobytes)).size()), kilobytes);
  Text text;
  db.connection().copy_out("COPY (" + rows_of(3000) + ") TO STDOUT", text);
  EXPECT_EQ(text.text.size(), 3000 * 1001U);
  {
    Connection conn = db.connection();
    conn.timeout(50ms);
    EXPECT_THROW(conn.execute(rows_of(100'000'000)), QueryTimeout);
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_num, 1U) << "it was closed, not cleaned";
}

TEST(BouncerThatKnowsNoOptions, refuses_settings_of_the_connect_at_once) {
  const testing::ThrowawayPostgres server{{.tcp = false}};
  const PgBouncer bouncer(server, in_mode("session"));
  Config config = Config::from_url(bouncer.url());
  config.statement_timeout = 1s;
  PooledDatabase db(config, {.timeout = 20s});
  const ErrorInfo error = error_of<ConfigurationError>([&] { db.execute("SELECT 1"); });
  EXPECT_NE(error.message.find("unsupported startup parameter"), std::string::npos) << error.message;
}

std::string name_of_mode(const ::testing::TestParamInfo<const char*>& mode) { return mode.param; }
INSTANTIATE_TEST_SUITE_P(Modes, Bouncer, ::testing::Values("session", "transaction", "statement"),
                         name_of_mode);
INSTANTIATE_TEST_SUITE_P(Modes, BouncerWithTransactions, ::testing::Values("session", "transaction"),
                         name_of_mode);

}  // namespace
}  // namespace copg::test
