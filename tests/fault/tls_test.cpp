// The pool over TLS: what passes both ways, what is late, what dies.
#include <string>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

constexpr std::size_t megabyte = 1'000'000;

class Tls : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<testing::ThrowawayPostgres>(tls()); }
  static void TearDownTestSuite() { server_.reset(); }

  [[nodiscard]] static testing::ThrowawayOptions tls() { return {.tls = true}; }
  [[nodiscard]] static testing::ThrowawayPostgres& server() { return *server_; }
  [[nodiscard]] static Config config(const std::string& sslmode = "require") {
    Config config = Config::from_url(server_->tcp_url());
    config.sslmode = sslmode;
    if (sslmode == "verify-full") config.options["sslrootcert"] = server_->certificate();
    return config;
  }
  [[nodiscard]] static PooledDatabase open(PoolOptions options = {}) {
    options.timeout = 20s;
    return PooledDatabase(config(), std::move(options));
  }
  /// Ends the backend, by a connection of its own, and waits until it has gone.
  static void terminate(int pid) {
    PooledDatabase watch(Config::from_url(server_->url()), {.min_size = 1, .max_size = 1});
    watch.execute("SELECT pg_terminate_backend($1)", pid);
    EXPECT_TRUE(eventually([&] {
      return !watch.fetch_val<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid);
    }));
  }

 private:
  static inline std::unique_ptr<testing::ThrowawayPostgres> server_;
};

TEST_F(Tls, carries_every_call_with_a_verified_server_and_with_any) {
  for (const char* sslmode : {"require", "verify-full"}) {
    PooledDatabase db(config(sslmode), {.min_size = 1, .max_size = 2, .timeout = 20s});
    EXPECT_TRUE(db.fetch_val<bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")) << sslmode;
    for (int use = 0; use < 4; ++use) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", use), use);
    db.transaction([](Connection& tx) { EXPECT_EQ(tx.fetch_val<int>("SELECT 1"), 1); });
  }
}

TEST_F(Tls, with_another_servers_certificate_is_refused_at_once) {
  const testing::ThrowawayPostgres stranger(tls());
  Config config = Tls::config("verify-full");
  config.options["sslrootcert"] = stranger.certificate();
  PooledDatabase db(config, {.timeout = 20s});
  const ErrorInfo error = error_of<ConfigurationError>([&] { db.execute("SELECT 1"); });
  EXPECT_NE(error.message.find("certificate verify failed"), std::string::npos) << error.message;
}

TEST_F(Tls, session_tickets_behind_the_connect_are_not_taken_for_a_death) {
  PooledDatabase db = open({.min_size = 4, .max_size = 4});
  db.wait();
  std::vector<Connection> leases;
  for (int i = 0; i < 4; ++i) {
    leases.push_back(db.connection());
    EXPECT_EQ(leases.back().fetch_val<int>("SELECT 1"), 1);
  }
  EXPECT_EQ(db.stats().connections_lost, 0U);
  EXPECT_EQ(db.stats().connections_num, 4U);
}

TEST_F(Tls, large_values_pass_both_ways) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  for (const std::size_t size : {8 * megabyte, 16'384UL, 16'385UL, 8'192UL, 1UL}) {
    const std::string value(size, 'x');
    EXPECT_TRUE(db.fetch_val<std::string>("SELECT $1::text", value) == value) << size;
  }
}

TEST_F(Tls, many_large_rows_pass_both_ways) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE large (id int, body text)");
  std::vector<std::tuple<int, std::string>> rows;
  for (int i = 0; i < 40; ++i)
    rows.emplace_back(i, std::string(megabyte / 4, static_cast<char>('a' + i % 26)));
  EXPECT_EQ(db.execute_many("INSERT INTO large VALUES ($1, $2)", rows), 40);
  EXPECT_EQ(db.execute_many("INSERT INTO large VALUES ($1, $2) RETURNING body", rows), 40);
  const auto back = db.fetch_all<std::tuple<int, std::string>>("SELECT * FROM large ORDER BY id");
  ASSERT_EQ(back.size(), 80U);
  for (std::size_t i = 0; i < back.size(); ++i) EXPECT_TRUE(back[i] == rows[i / 2]) << i;
}

TEST_F(Tls, a_late_answer_is_cancelled_and_dropped_and_the_connection_goes_on) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  for (const char* sql :
       {"SELECT pg_sleep(300)", "SELECT repeat('x', 1000) FROM generate_series(1, 100000000)"}) {
    {
      Connection conn = db.connection();
      conn.timeout(200ms);
      EXPECT_THROW(conn.execute(sql), QueryTimeout);
    }
    EXPECT_EQ(db.fetch_val<int>("SELECT pg_backend_pid()"), pid) << "it was closed, not cleaned";
  }
}

TEST_F(Tls, a_backend_killed_while_idle_is_replaced_before_anybody_notices) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  terminate(db.fetch_val<int>("SELECT pg_backend_pid()"));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_lost, 1U);
}

TEST_F(Tls, a_backend_killed_while_idle_is_noticed_without_a_request) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  terminate(pid);
  EXPECT_TRUE(eventually([&] { return db.stats().connections_lost == 1 && db.stats().pool_available == 1; }));
  EXPECT_NE(db.fetch_val<int>("SELECT pg_backend_pid()"), pid);
  EXPECT_EQ(db.stats().returns_bad, 0U);
}

TEST_F(Tls, a_message_to_an_idle_connection_is_not_taken_for_its_death) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .reset = ResetMode::rollback});
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  db.execute("LISTEN channel");
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  for (int i = 0; i < 10; ++i) other.execute("SELECT pg_notify('channel', repeat('x', 7000))");
  EXPECT_EQ(db.fetch_val<int>("SELECT pg_backend_pid()"), pid);
  EXPECT_EQ(db.stats().connections_lost, 0U);
}

TEST_F(Tls, a_restarted_server_is_met_by_one_connect) {
  testing::ThrowawayPostgres mortal(tls());
  Config config = Config::from_url(mortal.tcp_url());
  config.sslmode = "require";
  PooledDatabase db(config, {.min_size = 4, .max_size = 4, .timeout = 20s});
  db.wait();
  mortal.restart(testing::StopMode::fast);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_LE(db.stats().returns_bad, 1U);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 4; }));
}

}  // namespace
}  // namespace copg::test
