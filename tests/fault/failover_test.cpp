// The primary is no longer the primary: no connection stays pinned to it.
#include "integration/database_test.hpp"

#include <vector>

#include "support/standby.hpp"

namespace copg::test {
namespace {

/// Both servers, of which the pool is to take the one that writes.
Config read_write(const testing::ThrowawayPostgres& one, const testing::ThrowawayPostgres& two) {
  return {.host = "127.0.0.1,127.0.0.1",
          .port = 0,
          .options = {{"port", std::to_string(one.port()) + "," + std::to_string(two.port())},
                      {"target_session_attrs", "read-write"}}};
}

TEST(Failover, to_a_promoted_replica_is_followed_by_all_connections) {
  auto primary = std::make_unique<testing::ThrowawayPostgres>(primary_options());
  testing::ThrowawayPostgres standby(primary_options());
  make_standby(standby, *primary);
  PooledDatabase db(read_write(*primary, standby), {.min_size = 3, .max_size = 3, .timeout = 20s});
  db.execute("CREATE TABLE moved (x int); INSERT INTO moved VALUES (1)");
  PooledDatabase replica = PooledDatabase::from_url(standby.url(), {.min_size = 1, .max_size = 1});
  ASSERT_TRUE(eventually([&] {
    return replica.fetch_val<std::optional<std::string>>("SELECT to_regclass('moved')::text").has_value() &&
           replica.fetch_val<int>("SELECT count(*)::int FROM moved") == 1;
  }));
  primary->kill_hard();
  EXPECT_TRUE(replica.fetch_val<bool>("SELECT pg_promote()"));
  EXPECT_TRUE(eventually([&] {
    try {
      return db.execute("INSERT INTO moved VALUES (2)").affected_rows() == 1;
    } catch (const ConnectionFailed&) {
      return false;
    }
  }));
  EXPECT_EQ(db.fetch_val<int>("SELECT current_setting('port')::int"), standby.port());
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 3; }));
}

TEST(Failover, from_a_primary_that_turned_read_only_takes_every_connection_along) {
  testing::ThrowawayPostgres first;
  testing::ThrowawayPostgres second;
  for (const auto* server : {&first, &second}) {
    PooledDatabase::from_url(server->url()).execute("CREATE TABLE written (x int)");
  }
  PooledDatabase db(read_write(first, second), {.min_size = 4, .max_size = 4, .timeout = 20s});
  db.wait();
  EXPECT_EQ(db.fetch_val<int>("SELECT current_setting('port')::int"), first.port());
  Connection kept = db.connection();
  kept.execute("SELECT 1");
  first.configure({{"default_transaction_read_only", "on"}});
  first.reload();
  EXPECT_TRUE(eventually([&] {
    try {
      db.execute("INSERT INTO written VALUES (1)");
      return db.fetch_val<int>("SELECT current_setting('port')::int") == second.port();
    } catch (const QueryFailed& error) {
      EXPECT_TRUE(error.is_read_only()) << error.what();
      return false;
    }
  }));
  kept.release();
  ASSERT_TRUE(eventually([&] { return db.stats().pool_available == 4; }));
  std::vector<Connection> all;
  for (int i = 0; i < 4; ++i) {
    all.push_back(db.connection());
    EXPECT_EQ(all.back().fetch_val<int>("SELECT current_setting('port')::int"), second.port());
  }
}

TEST(Failover, a_caller_who_asked_for_read_only_does_not_end_the_epoch) {
  testing::ThrowawayPostgres server;
  PooledDatabase db(Config::from_url(server.url()), {.min_size = 2, .max_size = 2});
  db.wait();
  const auto body = [](Connection& tx) {
    tx.execute("SET TRANSACTION READ ONLY");
    tx.execute("CREATE TABLE refused (x int)");
  };
  EXPECT_THROW(db.transaction(body), QueryFailed);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_num, 2U);
}

}  // namespace
}  // namespace copg::test
