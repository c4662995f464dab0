// The pool behind Pgpool-II, in front of a primary and its replica: with its load balancing of each
// statement, which sends reads to both, and without.
#include "support/pgpool.hpp"

#include <chrono>
#include <exception>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "integration/database_test.hpp"
#include "poolers/callers.hpp"
#include "support/standby.hpp"

namespace copg::test {
namespace {

constexpr int children = 12;  // num_init_children: so many clients has Pgpool-II at a time

/// Tells on which server it runs, and is looked up anew each time: Pgpool-II leaves a prepared statement
/// where it was parsed.
std::string where(int n) { return "SELECT current_setting('port')::int - " + std::to_string(n); }

class BehindPgpool : public ::testing::TestWithParam<const char*> {
 protected:
  static void SetUpTestSuite() {
    if (primary_ || !Pgpool::is_installed()) return;
    primary_ = std::make_unique<testing::ThrowawayPostgres>(primary_options());
    standby_ = std::make_unique<testing::ThrowawayPostgres>(primary_options());
    make_standby(*standby_, *primary_);
  }
  void SetUp() override {
    if (!primary_)
      GTEST_SKIP() << "Pgpool-II is not installed: scripts/bootstrap installs it where the system has it";
  }

  [[nodiscard]] static bool balances() { return std::string_view(GetParam()) == "balanced"; }
  [[nodiscard]] static Pgpool& pooler() {
    std::unique_ptr<Pgpool>& pooler = poolers_[GetParam()];
    if (!pooler) {
      const char* balance = balances() ? "on" : "off";
      pooler = std::make_unique<Pgpool>(Pgpool::Nodes{*primary_, *standby_},
                                        Pgpool::Settings{{"load_balance_mode", balance},
                                                         {"statement_level_load_balance", balance},
                                                         {"num_init_children", std::to_string(children)},
                                                         {"max_pool", "1"}});
    }
    return *pooler;
  }
  [[nodiscard]] static PooledDatabase open(PoolOptions options = {}) {
    options.min_size = 1;
    if (options.timeout == PoolOptions{}.timeout) options.timeout = 20s;
    return PooledDatabase(Config::from_url(pooler().url()), std::move(options));
  }
  [[nodiscard]] static PooledDatabase straight() {
    return PooledDatabase(Config::from_url(primary_->url()), {.min_size = 1, .max_size = 1});
  }
  /// Waits until the replica has what the primary has.
  static void replicate() {
    PooledDatabase primary = straight();
    PooledDatabase standby(Config::from_url(standby_->url()), {.min_size = 1, .max_size = 1});
    const auto written = primary.fetch_val<std::string>("SELECT pg_current_wal_insert_lsn()::text");
    ASSERT_TRUE(eventually([&] {
      return standby.fetch_val<bool>("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", written);
    }));
  }
  [[nodiscard]] static bool serves(PooledDatabase& db) {
    return eventually([&] {
      try {
        return db.fetch_val<int>("SELECT 1") == 1;
      } catch (const ConnectionFailed&) {
        return false;
      }
    });
  }
  /// How many of some statements ran on the replica.
  template <class Executor>
  static int on_replica(Executor& executor) {
    int count = 0;
    for (int n = 0; n < 40; ++n)
      count += executor.template fetch_val<int>(where(n)) + n == static_cast<int>(standby_->port()) ? 1 : 0;
    return count;
  }

  // Of both suites; they end in the opposite order.
  static inline std::unique_ptr<testing::ThrowawayPostgres> primary_;
  static inline std::unique_ptr<testing::ThrowawayPostgres> standby_;
  static inline std::map<std::string, std::unique_ptr<Pgpool>> poolers_;
};

class BehindBalancingPgpool : public BehindPgpool {};

// It tells the number of one session of the two that it has for each client, so that only a pool which asks
// may find out that there is a pooler.
TEST_P(BehindPgpool, keeps_sessions_so_that_names_work_and_a_pool_that_finds_it_out_prepares_nothing) {
  for (const PrepareMode prepare : {PrepareMode::automatic, PrepareMode::on, PrepareMode::off}) {
    const auto seen = std::make_shared<Warnings>();
    PooledDatabase db = open({.max_size = 2, .prepare = prepare, .observer = seen});
    expect_own_rows(db, 4, 20);
    EXPECT_EQ(db.stats().connections_lost, 0U);
    db.close();
    if (seen->count == 0) continue;
    EXPECT_NE(seen->text().find("a pooler stands between"), std::string::npos) << seen->text();
    EXPECT_EQ(prepare, PrepareMode::automatic);
  }
}

TEST_P(BehindPgpool, sends_reads_to_the_replica_if_it_balances) {
  PooledDatabase db = open({.max_size = 1});
  const int replicas = on_replica(db);
  EXPECT_EQ(replicas > 0, balances()) << replicas;
  EXPECT_LT(replicas, 40);
}

TEST_P(BehindBalancingPgpool, many_callers_get_their_own_rows) {
  PooledDatabase db = open({.max_size = 2});
  expect_own_rows(db, 16, 100);
  const PoolStats stats = db.stats();
  EXPECT_GT(stats.statements_shared, 0U);
  EXPECT_EQ(stats.connections_lost, 0U);
}

TEST_P(BehindBalancingPgpool, the_error_of_one_statement_leaves_those_that_travel_with_it_alone) {
  PooledDatabase db = open({.max_size = 2});
  expect_own_errors(db, 16, 50);
  EXPECT_GT(db.stats().statements_shared, 0U);
}

TEST_P(BehindPgpool, what_a_lease_has_set_is_gone_on_each_server) {
  PooledDatabase db = open({.max_size = 1});
  const auto set = [](int n) { return "SELECT current_setting('work_mem') || '" + std::to_string(n) + "'"; };
  for (const bool left_open : {false, true}) {
    {
      Connection conn = db.connection();
      conn.autocommit(!left_open);
      conn.execute("SET work_mem = '777kB'");
      EXPECT_EQ(conn.fetch_val<std::string>(set(0)), "777kB0");
    }
    for (int n = 0; n < 40; ++n)
      EXPECT_EQ(db.fetch_val<std::string>(set(n)), "4MB" + std::to_string(n)) << "left open: " << left_open;
  }
  EXPECT_EQ(on_replica(db) > 0, balances()) << "only one server was asked";
  EXPECT_EQ(db.stats().connections_num, 1U) << "it was closed, not cleaned";
}

// Settings and role are made by a function that writes, as far as Pgpool-II knows, so that what follows in
// the transaction goes where they are.
TEST_P(BehindBalancingPgpool, a_transaction_has_its_settings_and_its_role_wherever_it_reads) {
  {
    PooledDatabase primary = straight();
    primary.execute("DROP ROLE IF EXISTS app");
    primary.execute("CREATE ROLE app");
  }
  replicate();
  PooledDatabase db = open({.max_size = 4});
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      const std::string tenant = std::to_string(t);
      const std::string sees = "SELECT current_user || coalesce(current_setting('app.tenant', true), '')";
      for (int n = 0; n < 30; ++n) {
        try {
          const TransactionOptions options{
              .read_only = n % 2 == 0, .settings = {{"app.tenant", tenant}}, .role = "app"};
          db.transaction(options, [&](Connection& tx) {
            for (int i = 0; i < 3; ++i)
              EXPECT_EQ(tx.fetch_val<std::string>(sees + "|| " + std::to_string(i)),
                        "app" + tenant + std::to_string(i));
          });
          EXPECT_EQ(db.fetch_val<std::string>(sees), "postgres");
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_P(BehindBalancingPgpool, a_transaction_reads_what_it_wrote) {
  {
    PooledDatabase primary = straight();
    primary.execute("DROP TABLE IF EXISTS written");
    primary.execute("CREATE TABLE written (thread int, x int)");
  }
  replicate();
  PooledDatabase db = open({.max_size = 4});
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 1; n <= 20; ++n) {
        try {
          db.transaction([&](Connection& tx) {
            // The same text on both servers, before a write and behind it.
            const char* text = "SELECT count(*)::int FROM written WHERE thread = $1 AND x = $2";
            EXPECT_EQ(tx.fetch_val<int>(text, t, n), 0);
            tx.execute("INSERT INTO written VALUES ($1, $2)", t, n);
            EXPECT_EQ(tx.fetch_val<int>(text, t, n), 1);
          });
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(straight().fetch_val<int>("SELECT count(*)::int FROM written"), 8 * 20);
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

// Few rows: it takes time that grows with the square of the statements that it has not answered yet.
TEST_P(BehindBalancingPgpool, execute_many_is_all_or_nothing) {
  PooledDatabase primary = straight();
  primary.execute("DROP TABLE IF EXISTS many");
  primary.execute("CREATE TABLE many (x int CHECK (x >= 0))");
  PooledDatabase db = open({.max_size = 2});
  std::vector<int> rows(200, 1);
  EXPECT_EQ(db.execute_many("INSERT INTO many VALUES ($1)", rows), 200);
  rows[190] = -1;
  const ErrorInfo error =
      error_of<QueryFailed>([&] { db.execute_many("INSERT INTO many VALUES ($1)", rows); });
  EXPECT_EQ(error.row_index, 190);
  EXPECT_EQ(primary.fetch_val<int>("SELECT count(*)::int FROM many"), 200);
}

// Once: it takes its time, a second for each server.
TEST_P(BehindBalancingPgpool, a_late_statement_is_cancelled_and_the_connection_goes_on) {
  PooledDatabase db = open({.max_size = 1});
  {
    Connection conn = db.connection();
    conn.timeout(100ms);
    EXPECT_THROW(conn.execute("SELECT pg_sleep(300)"), QueryTimeout);
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(straight().fetch_val<int>("SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND "
                                      "query LIKE 'SELECT pg_sleep(300)%'"),
            0);
  EXPECT_EQ(db.stats().connections_num, 1U) << "it was closed, not cleaned";
}

TEST_P(BehindPgpool, lets_listeners_hear) {
  PooledDatabase db = open({.max_size = 2});
  Listener listener = db.listener("jobs");
  listener.add("more");
  db.notify("jobs", "one");
  db.notify("more", "two");
  for (const char* expected : {"one", "two"}) {
    const auto arrival = listener.next(20s);
    ASSERT_TRUE(arrival && std::holds_alternative<Notification>(*arrival));
    EXPECT_EQ(std::get<Notification>(*arrival).payload, expected);
  }
}

TEST_P(BehindPgpool, settings_of_the_connect_hold_on_each_server) {
  Config config = Config::from_url(pooler().url());
  config.statement_timeout = 7777ms;
  PooledDatabase db(config, {.min_size = 1, .max_size = 1, .timeout = 20s});
  for (int n = 0; n < 20; ++n) {
    EXPECT_EQ(db.fetch_val<std::string>("SELECT current_setting('statement_timeout') || '" +
                                        std::to_string(n) + "'"),
              "7777ms" + std::to_string(n));
  }
}

TEST_P(BehindBalancingPgpool, a_pool_larger_than_it_takes_clients_goes_on_with_fewer_connections) {
  PooledDatabase db = open({.max_size = children + 4, .connect_timeout = 1s});
  expect_own_rows(db, 2 * children, 50);
  std::vector<std::thread> callers;
  for (int t = 0; t < 2 * children; ++t) {
    callers.emplace_back([&] { EXPECT_NO_THROW(db.execute("SELECT pg_sleep(0.02)")); });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_LE(db.stats().pool_size, static_cast<std::size_t>(children));
}

TEST_P(BehindBalancingPgpool, a_terminated_session_costs_its_connection_alone) {
  PooledDatabase db = open({.max_size = 2});
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  straight().execute("SELECT pg_terminate_backend($1)", pid);
  EXPECT_TRUE(serves(db));
  expect_own_rows(db, 4, 20);
}

TEST_P(BehindBalancingPgpool, its_own_restart_is_survived_like_the_servers) {
  PooledDatabase db = open({.max_size = 4});
  expect_own_rows(db, 4, 5);
  pooler().stop();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 0; })) << "the hang-up was not heard";
  pooler().start();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  expect_own_rows(db, 4, 20);
}

TEST_P(BehindBalancingPgpool, a_restart_of_the_primary_is_survived) {
  PooledDatabase db = open({.max_size = 4});
  expect_own_rows(db, 4, 5);
  primary_->stop(testing::StopMode::immediate);
  primary_->start();
  EXPECT_TRUE(serves(db));
  expect_own_rows(db, 4, 20);
}

std::string name_of_setup(const ::testing::TestParamInfo<const char*>& setup) { return setup.param; }
INSTANTIATE_TEST_SUITE_P(Pgpool, BehindPgpool, ::testing::Values("balanced", "unbalanced"), name_of_setup);
INSTANTIATE_TEST_SUITE_P(Pgpool, BehindBalancingPgpool, ::testing::Values("balanced"), name_of_setup);

}  // namespace
}  // namespace copg::test
