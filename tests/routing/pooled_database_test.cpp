// Several hosts in the configuration: what a program of threads does with them.
#include <gtest/gtest.h>
#include <copg/copg.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/eventually.hpp"
#include "support/replicas.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;

class SeveralHosts : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    made = std::make_unique<Replicas>(1);
    made->ask(0, "CREATE TABLE kept (n int)");
  }
  static void TearDownTestSuite() { made.reset(); }

  [[nodiscard]] std::string url(const std::string& query = "") const {
    return "postgresql://postgres@127.0.0.1:" + std::to_string(servers.gate(1).port()) +
           ",127.0.0.1:" + std::to_string(servers.gate(0).port()) + "/postgres?sslmode=disable" + query;
  }
  [[nodiscard]] int port_of(std::size_t index) const { return servers.server(index).port(); }

  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
};
std::unique_ptr<Replicas> SeveralHosts::made;

constexpr const char* ask_port = "SELECT current_setting('port')::int";

TEST_F(SeveralHosts, send_all_calls_to_the_primary_unless_it_is_said_otherwise) {
  PooledDatabase db = PooledDatabase::from_url(url(), {.min_size = 1, .max_size = 4, .timeout = 20s});
  db.wait();
  EXPECT_EQ(db.fetch_val<int>(ask_port), port_of(0));
  EXPECT_EQ(db.execute("INSERT INTO kept VALUES (1)").affected_rows(), 1);
  EXPECT_EQ(db.execute_many("INSERT INTO kept VALUES ($1)", std::vector<int>{2, 3}), 2);
  EXPECT_EQ(db.within(10s).fetch_val<int>(ask_port), port_of(0));
  EXPECT_EQ(db.transaction([](Connection& tx) { return tx.fetch_val<int>(ask_port); }), port_of(0));
  EXPECT_EQ(db.run([](Connection& tx) { return tx.fetch_val<int>(ask_port); }), port_of(0));
  int rows = 0;
  for (const int n : db.stream<int>("SELECT n FROM kept ORDER BY n")) EXPECT_EQ(n, ++rows);
  EXPECT_EQ(rows, 3);
  EXPECT_EQ(db.to_string(), "PooledDatabase('postgres', hosts=2)");

  auto replica = db.on(copg::Role::replica);
  EXPECT_EQ(replica.fetch_val<int>(ask_port), port_of(1));
  EXPECT_EQ(replica.within(10s).fetch_val<int>(ask_port), port_of(1));
  EXPECT_EQ(replica.connection().fetch_val<int>(ask_port), port_of(1));
  EXPECT_EQ(replica.transaction([](Connection& tx) { return tx.fetch_val<int>(ask_port); }), port_of(1));
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  EXPECT_EQ(replica.fetch_all<int>("SELECT n FROM kept ORDER BY n"), (std::vector<int>{1, 2, 3}));
  try {
    replica.execute("INSERT INTO kept VALUES (4)");
    ADD_FAILURE() << "a replica has written";
  } catch (const QueryFailed& error) {
    EXPECT_TRUE(error.is_read_only());
  }
  EXPECT_EQ(db.on(copg::Role::primary).fetch_val<int>(ask_port), port_of(0));
  EXPECT_GT(db.on(copg::Role::any).fetch_val<int>(ask_port), 0);
}

TEST_F(SeveralHosts, lease_a_connection_of_one_host_until_it_is_given_back) {
  PooledDatabase db = PooledDatabase::from_url(url(), {.min_size = 1, .max_size = 1, .timeout = 20s});
  std::optional<Connection> held = db.connection();
  EXPECT_EQ(held->fetch_val<int>(ask_port), port_of(0));
  EXPECT_EQ(db.stats().leased, 1U);
  EXPECT_EQ(db.leases().size(), 1U);
  EXPECT_FALSE(db.try_connection());
  EXPECT_THROW(db.within(100ms).execute("SELECT 1"), PoolTimeout);
  EXPECT_EQ(db.on(copg::Role::replica).fetch_val<int>(ask_port), port_of(1));
  held.reset();
  EXPECT_TRUE(eventually([&] { return db.try_connection().has_value(); }));
  EXPECT_EQ(db.stats().pool_max, 2U);
}

TEST_F(SeveralHosts, tell_what_is_known_of_each) {
  PooledDatabase db = PooledDatabase::from_url(url(), {.min_size = 1, .max_size = 2, .timeout = 20s});
  db.wait();
  db.execute("SELECT 1");
  db.on(copg::Role::replica).execute("SELECT 1");
  const Connection held = db.connection();
  std::vector<HostInfo> hosts = db.hosts();
  ASSERT_EQ(hosts.size(), 2U);
  const HostInfo& replica = hosts[0];
  const HostInfo& primary = hosts[1];
  EXPECT_EQ(replica.address, "127.0.0.1:" + std::to_string(servers.gate(1).port()));
  EXPECT_EQ(replica.state, HostState::replica);
  EXPECT_EQ(primary.state, HostState::primary);
  EXPECT_TRUE(primary.reachable && !primary.doubted && replica.reachable && !replica.doubted);
  EXPECT_EQ(primary.system, replica.system);
  EXPECT_EQ(primary.timeline, 1U);
  EXPECT_GT(primary.position, 0U);
  EXPECT_FALSE(primary.lag);
  ASSERT_TRUE(replica.lag);
  EXPECT_LT(*replica.lag, 60s);
  EXPECT_GT(primary.latency, 0s);
  EXPECT_EQ(primary.error, "");
  EXPECT_EQ(primary.stats.leased, 1U);
  EXPECT_EQ(replica.stats.leased, 0U);
  EXPECT_EQ(primary.stats.requests_num + replica.stats.requests_num, db.stats().requests_num);
  EXPECT_EQ(replica.view.metrics().stats.pool_max, 2U);
  EXPECT_NE(replica.view.name().find(replica.address), std::string::npos);

  servers.gate(1).fall_silent();
  ASSERT_TRUE(eventually([&] { return !db.hosts()[0].reachable && !db.hosts()[0].error.empty(); }));
  servers.gate(1).open();
  ASSERT_TRUE(eventually([&] { return db.hosts()[0].reachable; }));
}

TEST_F(SeveralHosts, are_suspended_drained_checked_and_closed_together) {
  PooledDatabase db = PooledDatabase::from_url(url(), {.min_size = 1, .max_size = 2, .timeout = 20s});
  db.wait();
  db.check();
  db.drain();
  EXPECT_EQ(db.fetch_val<int>(ask_port), port_of(0));
  db.suspend();
  EXPECT_THROW(db.within(100ms).execute("SELECT 1"), PoolTimeout);
  EXPECT_EQ(db.on(copg::Role::replica).fetch_val<int>(ask_port), port_of(1));
  db.resume();
  EXPECT_EQ(db.fetch_val<int>(ask_port), port_of(0));
  auto replica = db.on(copg::Role::replica);
  db.close();
  EXPECT_THROW(db.execute("SELECT 1"), PoolClosed);
  EXPECT_THROW(replica.execute("SELECT 1"), PoolClosed);
}

TEST_F(SeveralHosts, are_asked_again_for_a_read_whose_connection_is_lost_and_for_nothing_else) {
  PooledDatabase db = PooledDatabase::from_url(url(), {.min_size = 1, .max_size = 2, .timeout = 20s});
  auto replica = db.on(copg::Role::replica);
  servers.gate(1).lose_answer_to("SELECT 40 + 2");
  EXPECT_EQ(replica.fetch_val<int>("SELECT 40 + 2"), 42);
  servers.gate(1).lose_answer_to("SELECT 40 + $1");
  EXPECT_EQ(replica.execute("SELECT 40 + $1::int", 3)[0][0].as<int>(), 43);
  servers.gate(1).lose_answer_to("pg_is_in_recovery() AS asked");
  EXPECT_THROW(replica.execute("SELECT pg_is_in_recovery() AS asked"), ConnectionFailed);
  servers.gate(0).lose_answer_to("SELECT 40 + 4");
  EXPECT_THROW(db.execute("SELECT 40 + 4"), ConnectionFailed);
  servers.gate(0).lose_answer_to("SELECT 40 + 5");
  EXPECT_THROW(db.on(copg::Role::primary).execute("SELECT 40 + 5"), ConnectionFailed);
}

TEST_F(SeveralHosts, say_what_they_do_not_offer) {
  PooledDatabase db = PooledDatabase::from_url(url(), {.min_size = 0, .max_size = 1, .timeout = 20s});
  EXPECT_THROW(static_cast<void>(db.listener({"news"})), UsageError);
  EXPECT_THROW(static_cast<void>(db.metrics()), UsageError);
  EXPECT_THROW(static_cast<void>(db.view()), UsageError);
  EXPECT_THROW(static_cast<void>(db.on(copg::Role::replica, {.max_lag = -1s})), UsageError);
  const PooledDatabase moved = std::move(db);
  EXPECT_THROW(db.execute("SELECT 1"), UsageError);  // NOLINT(bugprone-use-after-move)
}

TEST_F(SeveralHosts, are_libpqs_affair_where_it_is_told_what_to_choose) {
  PooledDatabase db = PooledDatabase::from_url(url("&target_session_attrs=read-write"),
                                               {.min_size = 1, .max_size = 1, .timeout = 20s});
  EXPECT_EQ(db.fetch_val<int>(ask_port), port_of(0));
  EXPECT_EQ(db.metrics().stats.pool_max, 1U);
  EXPECT_THROW(static_cast<void>(db.on(copg::Role::replica)), UsageError);
  EXPECT_EQ(db.on(copg::Role::any).fetch_val<int>(ask_port), port_of(0));
  EXPECT_TRUE(db.hosts().empty());
}

TEST(SeveralHostsFailover, is_over_within_a_second_of_the_promotion) {
  Replicas servers(1);
  servers.ask(0, "CREATE TABLE kept (n int)");
  PooledDatabase db = PooledDatabase::from_url(
      "postgresql://postgres@127.0.0.1:" + std::to_string(servers.gate(0).port()) +
          ",127.0.0.1:" + std::to_string(servers.gate(1).port()) + "/postgres?sslmode=disable",
      {.min_size = 1, .max_size = 4, .timeout = 20s});
  db.execute("INSERT INTO kept VALUES (1)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  Connection held = db.connection();
  held.execute("SELECT 1");
  servers.server(0).kill_hard();
  EXPECT_THROW(held.execute("SELECT 1"), ConnectionFailed);
  EXPECT_EQ(db.on(copg::Role::replica).fetch_val<int>("SELECT n FROM kept"), 1);  // goes on without a primary
  servers.promote(1);
  const auto took = time_of([&] { db.execute("INSERT INTO kept VALUES (2)"); });
  EXPECT_LT(took, 1s);
  EXPECT_EQ(servers.ask(1, "SELECT count(*) FROM kept"), "2");
}

}  // namespace
}  // namespace copg::test
