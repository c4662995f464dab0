// Servers that can't be had: hopeless ones fail the first call at once and in the server's words, others are
// tried again.
#include "integration/database_test.hpp"

#include <atomic>
#include <thread>
#include <vector>

#include "support/gate.hpp"

namespace copg::test {
namespace {

constexpr double at_once_s = 5;  // against a timeout of 20 s

ErrorInfo first_call_fails(const Config& config) {
  PooledDatabase db(config, {.timeout = 20s});
  ErrorInfo info;
  const auto taken = time_of([&] { info = error_of<ConfigurationError>([&] { db.execute("SELECT 1"); }); });
  EXPECT_LT(taken.count(), at_once_s);
  EXPECT_FALSE(info.connection_survives);
  const auto again = time_of([&] { EXPECT_THROW((void)db.connection(), ConfigurationError); });
  EXPECT_LT(again.count(), at_once_s);
  return info;
}

class Configuration : public DatabaseTest {};

TEST_F(Configuration, an_unknown_database_fails_at_once_in_the_servers_words) {
  Config config = DatabaseTest::config();
  config.database = "nowhere";
  const ErrorInfo info = first_call_fails(config);
  EXPECT_TRUE(is_undefined_database(info.sqlstate)) << info.sqlstate.text();
  EXPECT_NE(info.message.find("database \"nowhere\" does not exist"), std::string::npos) << info.message;
}

TEST_F(Configuration, an_unknown_user_fails_at_once) {
  Config config = DatabaseTest::config();
  config.user = "nobody_known";
  EXPECT_NE(first_call_fails(config).message.find("nobody_known"), std::string::npos);
}

TEST_F(Configuration, an_unknown_host_fails_at_once) {
  EXPECT_NE(first_call_fails({.host = "no-such-host.invalid"}).message.find("no-such-host.invalid"),
            std::string::npos);
}

TEST_F(Configuration, tls_that_is_demanded_and_refused_fails_at_once) {
  Config config = Config::from_url(server().tcp_url());
  config.sslmode = "require";
  EXPECT_NE(first_call_fails(config).message.find("SSL"), std::string::npos);
}

TEST_F(Configuration, a_setting_that_the_server_refuses_fails_at_once) {
  Config config = DatabaseTest::config();
  config.options["no_such_setting"] = "1";
  EXPECT_NE(first_call_fails(config).message.find("no_such_setting"), std::string::npos);
}

TEST_F(Configuration, waiting_for_the_pool_ends_when_patience_with_an_outage_does) {
  PooledDatabase db({.host = "127.0.0.1", .port = 1}, {.timeout = 20s, .outage_patience = 200ms});
  ErrorInfo info;
  const auto taken = time_of([&] { info = error_of<ConnectionFailed>([&] { db.wait(20s); }); });
  EXPECT_LT(taken.count(), at_once_s);
  EXPECT_NE(info.message.find("every connect has failed"), std::string::npos) << info.message;
  const auto again = time_of([&] { EXPECT_THROW(db.wait(20s), ConnectionFailed); });
  EXPECT_LT(again.count(), at_once_s);
}

TEST_F(Configuration, a_wrong_password_fails_at_once_and_is_never_shown) {
  testing::ThrowawayPostgres asking({.password = "right"});
  Config config = Config::from_url(asking.tcp_url());
  EXPECT_EQ(PooledDatabase(config).fetch_val<int>("SELECT 1"), 1);
  config.password = "wrong-and-secret";
  const ErrorInfo info = first_call_fails(config);
  EXPECT_TRUE(is_invalid_authorization(info.sqlstate)) << info.sqlstate.text();
  EXPECT_NE(info.message.find("password authentication failed"), std::string::npos) << info.message;
  EXPECT_EQ(info.message.find("secret"), std::string::npos) << info.message;
}

TEST_F(Configuration, a_wait_for_a_pool_that_can_not_connect_fails_at_once_in_the_servers_words) {
  Config config = DatabaseTest::config();
  config.database = "unmade";
  PooledDatabase db(config, {.timeout = 20s});
  for (int i = 0; i < 2; ++i) {
    ErrorInfo info;
    const auto taken = time_of([&] { info = error_of<ConfigurationError>([&] { db.wait(20s); }); });
    EXPECT_LT(taken.count(), at_once_s);
    EXPECT_TRUE(is_undefined_database(info.sqlstate)) << info.sqlstate.text();
    EXPECT_NE(info.message.find("database \"unmade\" does not exist"), std::string::npos) << info.message;
  }
  open().execute("CREATE DATABASE unmade");
  // It was left open. A connect that was under way may still fail.
  EXPECT_TRUE(eventually([&] {
    try {
      db.check();
      return db.wait(20s), true;
    } catch (const ConfigurationError&) {
      return false;
    }
  }));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Configuration, with_a_connection_open_a_wait_goes_on_as_calls_do) {
  PooledDatabase admin = open({.min_size = 1, .max_size = 1});
  admin.execute("CREATE ROLE rare LOGIN");
  Config config = DatabaseTest::config();
  config.user = "rare";
  PooledDatabase db(config, {.min_size = 1, .max_size = 2, .timeout = 20s});
  db.wait();
  const Connection kept = db.connection();
  admin.execute("ALTER ROLE rare NOLOGIN");
  db.resize(2, 2);
  const ErrorInfo info = error_of<PoolTimeout>([&] { db.wait(300ms); });
  EXPECT_NE(info.message.find("not permitted to log in"), std::string::npos) << info.message;
}

TEST_F(Configuration, where_nothing_listens_the_call_ends_by_its_deadline_and_says_why) {
  PooledDatabase db(Config{.host = "127.0.0.1", .port = 1}, {.timeout = 300ms});
  ErrorInfo info;
  const auto taken = time_of([&] { info = error_of<PoolTimeout>([&] { db.execute("SELECT 1"); }); });
  EXPECT_GE(taken.count(), 0.3);
  EXPECT_LT(taken.count(), 2);
  EXPECT_NE(info.message.find("refused"), std::string::npos) << info.message;
  EXPECT_NE(info.cause.find("refused"), std::string::npos) << info.cause;
}

TEST_F(Configuration, a_server_that_accepts_and_stays_silent_costs_connect_timeout_and_no_more) {
  Gate gate(server().port());
  gate.fall_silent();
  PooledDatabase db(Config::from_url(gate.url()),
                    {.min_size = 1, .max_size = 1, .timeout = 20s, .connect_timeout = 300ms});
  ASSERT_TRUE(eventually([&] { return db.stats().connections_errors >= 1; }));
  const ErrorInfo info = error_of<PoolTimeout>([&] { (void)db.connection(100ms); });
  EXPECT_NE(info.cause.find("connect_timeout"), std::string::npos) << info.cause;
  gate.open();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Configuration, a_database_that_appears_later_is_found) {
  Config config = DatabaseTest::config();
  config.database = "later";
  PooledDatabase db(config);
  EXPECT_THROW(db.execute("SELECT 1"), ConfigurationError);
  open().execute("CREATE DATABASE later");
  EXPECT_TRUE(eventually([&] {
    try {
      return db.fetch_val<int>("SELECT 1") == 1;
    } catch (const ConfigurationError&) {
      return false;
    }
  }));
}

TEST_F(Configuration, a_full_server_gets_few_connects_and_the_callers_share_what_there_is) {
  testing::ThrowawayPostgres small(
      {.settings = {{"max_connections", "5"}, {"superuser_reserved_connections", "0"}}});
  constexpr int room = 3;  // PostgreSQL needs some of its own
  std::vector<std::unique_ptr<PooledDatabase>> others;
  std::vector<Connection> taken;
  for (int i = 0; i < room; ++i) {
    others.push_back(std::make_unique<PooledDatabase>(Config::from_url(small.url()),
                                                      PoolOptions{.min_size = 1, .max_size = 1}));
    taken.push_back(others.back()->connection());
  }
  PooledDatabase db(Config::from_url(small.url()), {.min_size = 0, .max_size = 10, .timeout = 20s});
  std::atomic<int> served = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 5; ++n) served += db.fetch_val<int>("SELECT 1 FROM pg_sleep(0.02)");
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(served, 40);
  const PoolStats stats = db.stats();
  EXPECT_GE(stats.connections_errors, 1U);
  EXPECT_LE(stats.connections_errors, 40U) << "connects hammer a full server";
  EXPECT_LE(stats.pool_size, 2U);
}

}  // namespace
}  // namespace copg::test
