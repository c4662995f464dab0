// What callers do wrong: each mistake has its error, nothing is sent or everything is undone, and the pool
// goes on.
#include "integration/database_test.hpp"

#include <limits>
#include <thread>

namespace copg::test {
namespace {

class BadInput : public DatabaseTest {
 protected:
  PooledDatabase db_ = open({.min_size = 1, .max_size = 1});
  void TearDown() override {
    EXPECT_EQ(db_.fetch_val<int>("SELECT 41 + 1"), 42) << "the pool does not serve";
  }
};

TEST_F(BadInput, an_error_in_sql_says_what_and_where) {
  const ErrorInfo error = error_of<QueryFailed>([&] { db_.execute("SELEKT 1"); });
  EXPECT_TRUE(is_syntax_error(error.sqlstate));
  EXPECT_EQ(error.query, "SELEKT 1");
  EXPECT_EQ(error.statement_position, 1);
  EXPECT_EQ(error.severity, "ERROR");
  EXPECT_TRUE(error.connection_survives);
  EXPECT_EQ(db_.stats().returns_bad, 0U);
}

TEST_F(BadInput, an_error_in_a_transaction_undoes_it) {
  db_.execute("CREATE TABLE undone_by_error (x int)");
  const auto body = [](Connection& tx) {
    tx.execute("INSERT INTO undone_by_error VALUES (1)");
    tx.execute("SELECT no_such_column");
  };
  const ErrorInfo error = error_of<QueryFailed>([&] { db_.transaction(body); });
  EXPECT_TRUE(is_undefined_column(error.sqlstate));
  EXPECT_EQ(db_.fetch_val<int>("SELECT count(*)::int FROM undone_by_error"), 0);
}

TEST_F(BadInput, a_swallowed_error_does_not_let_a_transaction_commit) {
  db_.execute("CREATE TABLE swallowed (x int)");
  const auto body = [](Connection& tx) {
    tx.execute("INSERT INTO swallowed VALUES (1)");
    EXPECT_THROW(tx.execute("SELECT 1/0"), QueryFailed);
  };
  EXPECT_THROW(db_.transaction(body), QueryFailed);
  EXPECT_EQ(db_.fetch_val<int>("SELECT count(*)::int FROM swallowed"), 0);
}

TEST_F(BadInput, a_nul_in_a_string_is_a_data_error) {
  const std::string with_nul("a\0b", 3);
  EXPECT_THROW(db_.execute("SELECT $1::text", with_nul), DataError);
  Connection conn = db_.connection();
  EXPECT_THROW(conn.execute("SELECT $1::text", with_nul), DataError);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
}

TEST_F(BadInput, a_nul_in_the_sql_text_is_an_error_and_nothing_is_cut_off) {
  const std::string with_nul("SELECT 1\0 WHERE false", 21);
  EXPECT_THROW(db_.execute(with_nul), Error);
}

TEST_F(BadInput, a_wrong_number_of_parameters_is_refused) {
  EXPECT_THROW(db_.execute("SELECT $1::int + $2::int", 1), UsageError);
  EXPECT_THROW(db_.execute("SELECT $1::int"), UsageError);
  EXPECT_THROW(db_.execute("SELECT $1::int", 1, 2), UsageError);
}

TEST_F(BadInput, several_statements_with_parameters_are_refused) {
  EXPECT_THROW(db_.execute("SELECT $1::int; SELECT 2", 1), Error);
}

TEST_F(BadInput, an_empty_statement_is_harmless) {
  EXPECT_EQ(db_.execute("").size(), 0U);
  EXPECT_EQ(db_.execute("  -- nothing").size(), 0U);
  EXPECT_EQ(db_.execute(";").size(), 0U);
}

TEST_F(BadInput, a_field_read_as_a_wrong_type_names_the_column) {
  const Result result = db_.execute("SELECT 'x'::text AS label, 300 AS number, NULL::int AS nothing");
  const ErrorInfo error = error_of<DataError>([&] { (void)result[0]["label"].as<int>(); });
  EXPECT_NE(error.message.find("label"), std::string::npos) << error.message;
  EXPECT_THROW((void)result[0]["number"].as<std::int8_t>(), DataError);
  EXPECT_THROW((void)result[0]["nothing"].as<int>(), DataError);
  EXPECT_THROW((void)result[0]["no such"], UsageError);
  EXPECT_THROW((void)result[0][3], UsageError);
  EXPECT_THROW((void)result[1], UsageError);
}

TEST_F(BadInput, text_that_is_not_utf8_is_the_servers_error) {
  EXPECT_THROW(db_.execute("SELECT $1::text", std::string("\xff\xfe")), QueryFailed);
}

TEST_F(BadInput, a_transaction_command_of_the_callers_own_is_noticed) {
  {
    Connection conn = db_.connection();
    conn.autocommit(true);
    conn.execute("BEGIN");
    conn.execute("CREATE TABLE own_begin (x int)");
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
  }
  EXPECT_EQ(db_.fetch_val<int>("SELECT count(*)::int FROM pg_class WHERE relname = 'own_begin'"), 0);
  db_.execute("BEGIN");
  EXPECT_EQ(db_.fetch_val<bool>("SELECT pg_current_xact_id_if_assigned() IS NULL"), true);
}

TEST_F(BadInput, one_lease_in_two_threads_aborts_a_debug_build_with_the_reason) {
#ifdef NDEBUG
  Connection conn = db_.connection();
  conn.autocommit(true);
  std::thread other([&] { conn.execute("SELECT pg_sleep(0.5)"); });
  EXPECT_TRUE(eventually([&] {
    try {
      conn.execute("SELECT 1");
      return false;
    } catch (const UsageError&) {
      return true;
    }
  }));
  other.join();
#else
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(
      {
        const std::string url = server().url();
        PooledDatabase db = PooledDatabase::from_url(url);
        Connection conn = db.connection();
        std::thread other([&] { conn.execute("SELECT pg_sleep(30)"); });
        PooledDatabase watch = PooledDatabase::from_url(url);
        (void)eventually([&] {
          return watch.fetch_val<int>(
                     "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE "
                     "'SELECT pg_sleep(30)%' AND state = 'active'") > 0;
        });
        conn.execute("SELECT 1");
      },
      "two calls use one leased connection");
#endif
}

struct BadOption {
  const char* name;
  PoolOptions options;
};

class BadOptions : public DatabaseTest {};

TEST_F(BadOptions, are_refused_by_name_and_value) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const BadOption all[] = {
      {"min_size", {.min_size = -1}},
      {"min_size", {.min_size = 3, .max_size = 2}},
      {"max_size", {.min_size = 0, .max_size = 0}},
      {"num_workers", {.num_workers = 0}},
      {"max_idle", {.max_idle = Seconds(-1)}},
      {"max_lifetime", {.max_lifetime = Seconds(0)}},
      {"timeout", {.timeout = Seconds(nan)}},
      {"reconnect_timeout", {.reconnect_timeout = Seconds(-0.001)}},
      {"max_waiting", {.max_waiting = -1}},
      {"connect_timeout", {.connect_timeout = Seconds(infinite)}},
      {"connect_timeout", {.connect_timeout = Seconds(0)}},
      {"min_idle", {.max_size = 4, .min_idle = 5}},
      {"outage_patience", {.outage_patience = Seconds(-1)}},
      {"leak_after", {.leak_after = Seconds(0)}},
      {"held_idle_after", {.held_idle_after = Seconds(0)}},
  };
  for (const BadOption& bad : all) {
    const ErrorInfo error = error_of<ConfigurationError>([&] { PooledDatabase db(config(), bad.options); });
    EXPECT_NE(error.message.find(bad.name), std::string::npos) << bad.name << ": " << error.message;
  }
}

TEST_F(BadOptions, that_are_infinite_mean_never) {
  constexpr Seconds infinite(std::numeric_limits<double>::infinity());
  PooledDatabase db(config(), {.max_idle = infinite,
                               .max_lifetime = infinite,
                               .timeout = infinite,
                               .reconnect_timeout = infinite,
                               .outage_patience = infinite,
                               .leak_after = infinite,
                               .held_idle_after = infinite});
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  db.check();
  db.close(infinite);
}

}  // namespace
}  // namespace copg::test
