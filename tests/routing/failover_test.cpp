// A router on real servers: which of them a request goes to while they are killed, promoted, frozen and
// started again.
#include <gtest/gtest.h>
#include <copg/error.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "routing/database.hpp"
#include "support/eventually.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;
using cluster::IfUnfit;
using cluster::Role;
using routing::Router;

/// One system for all tests that leave it as it was.
class RoutingToOne : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { made = std::make_unique<Replicas>(1); }
  static void TearDownTestSuite() { made.reset(); }

  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
};
std::unique_ptr<Replicas> RoutingToOne::made;

TEST_F(RoutingToOne, finds_the_primary_and_the_replica_in_any_order_and_names_a_lost_one) {
  servers.ask(0, "CREATE TABLE written (n int)");
  Database db(servers, {1, 0}, {.min_size = 1, .max_size = 4});
  EXPECT_EQ(db.value(which), port_of(servers, 0));
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 1));
  EXPECT_EQ(db.execute("INSERT INTO written VALUES (1)").affected_rows(), 1);
  EXPECT_THROW(db.execute("INSERT INTO written VALUES (2)", from_replica), QueryFailed);
  EXPECT_TRUE(eventually([&] { return db.value(which) == port_of(servers, 0); }));

  servers.server(1).kill_hard();
  ASSERT_TRUE(eventually([&] { return !db.view(servers.gate(1).port()).up; }));
  cluster::Request request = from_replica;
  request.if_unfit = IfUnfit::primary;
  EXPECT_EQ(db.value(which, request), port_of(servers, 0));
  request.if_unfit = IfUnfit::fail;
  try {
    db.execute(which, request);
    ADD_FAILURE() << "it was executed";
  } catch (const PoolTimeout& error) {
    EXPECT_NE(std::string(error.what()).find("no replica that was fit"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find(std::to_string(servers.gate(1).port())), std::string::npos)
        << error.what();
  }
  servers.server(1).start();
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 1));

  servers.pause_replay(1);
  servers.ask(0, "INSERT INTO written VALUES (3)");
  request.max_lag = 300ms;
  request.if_unfit = IfUnfit::primary;
  EXPECT_TRUE(eventually([&] { return db.value(which, request) == port_of(servers, 0); }));
  servers.resume_replay(1);
}

TEST_F(RoutingToOne, reads_the_replica_of_an_idle_system_whose_messages_are_rare) {
  Database db(servers, {0, 1}, {.min_size = 1, .max_size = 2});
  // By itself the replica knows only that its data were right when the primary has last sent something.
  ASSERT_TRUE(eventually([&] {
    return servers.ask(1,
                       "SELECT clock_timestamp() - last_msg_send_time > interval '3 s' "
                       "FROM pg_stat_wal_receiver") == "t";
  }));
  cluster::Request request = from_replica;
  request.max_lag = 2500ms;
  request.if_unfit = IfUnfit::fail;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(db.value(which, request), port_of(servers, 1));
}

TEST_F(RoutingToOne, logs_in_as_the_program_says_each_time_it_connects) {
  Config config = config_for(servers, {0, 1});
  config.user = "nobody";
  std::atomic<int> asked = 0;
  Database db(config, {.min_size = 1, .max_size = 1, .credentials = [&] {
                         ++asked;
                         return Credentials{.user = "postgres"};
                       }});
  EXPECT_EQ(db.value("SELECT current_user"), "postgres");
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 1));
  EXPECT_GE(asked, 4);  // two pools, and two probes
}

TEST(Routing, goes_to_the_promoted_and_never_back_to_the_old_primary) {
  Replicas servers(2);
  servers.ask(0, "CREATE TABLE written (n int)");
  Database db(servers, {0, 1, 2}, {.min_size = 2, .max_size = 4});
  db.execute("INSERT INTO written VALUES (1)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0) && servers.has_all_of(2, 0); }));

  servers.server(0).kill_hard();
  std::vector<std::thread> waiting;
  std::atomic<int> written = 0;
  for (int i = 0; i < 8; ++i) {
    waiting.emplace_back([&] {
      try {
        db.execute("INSERT INTO written VALUES (2)");
        ++written;
      } catch (const ConnectionFailed&) {  // it was sent on a connection that was lost
      }
    });
  }
  EXPECT_EQ(db.value(which, from_replica) == port_of(servers, 0), false);
  servers.promote(1);
  const double took = time_of([&] { db.execute("INSERT INTO written VALUES (3)"); }).count();
  for (std::thread& thread : waiting) thread.join();
  EXPECT_LT(took, 1);
  RecordProperty("promotion_to_write_ms", static_cast<int>(took * 1000));
  EXPECT_EQ(servers.ask(1, "SELECT count(*) FROM written WHERE n = 2"), std::to_string(written));
  EXPECT_TRUE(eventually([&] { return db.reported(cluster::Report::primary_found); }));

  // A replica that stays on the old timeline is not read; once it follows the new one, it is.
  cluster::Request at_once = from_replica;
  at_once.if_unfit = IfUnfit::fail;
  EXPECT_THROW(db.value(which, at_once), PoolTimeout);
  servers.follow(2, 1);
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 2));

  // The old one comes back, and says that it is the primary.
  servers.server(0).start();
  ASSERT_TRUE(
      eventually([&] { return db.view(servers.gate(0).port()).verdict == cluster::Verdict::fenced; }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(db.value(which), port_of(servers, 1));
  servers.follow(0, 1);
  ASSERT_TRUE(
      eventually([&] { return db.view(servers.gate(0).port()).verdict == cluster::Verdict::replica; }));
  servers.server(2).kill_hard();
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 0));
}

TEST(Routing, takes_those_along_who_wait_in_the_pool_of_a_host_that_is_lost) {
  Replicas servers(1);
  servers.ask(0, "CREATE TABLE written (n int)");
  Database db(servers, {0, 1}, {.min_size = 1, .max_size = 1});
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  EXPECT_EQ(db.value(which), port_of(servers, 0));
  std::thread stuck([&] {
    try {
      db.execute("SELECT pg_sleep(60)", {}, 2s);
    } catch (const Error&) {  // frozen, or killed
    }
  });
  const auto pool = db.view(servers.gate(0).port()).pool;
  ASSERT_TRUE(eventually([&] { return pool->stats().leased == 1; }));
  std::vector<std::thread> waiting;
  std::atomic<int> written = 0;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([&] {
      db.execute("CREATE TEMPORARY TABLE IF NOT EXISTS no_run (n int); INSERT INTO written VALUES (1)");
      ++written;
    });
  }
  ASSERT_TRUE(eventually([&] { return pool->stats().requests_waiting == 3; }));
  servers.part(0);
  servers.promote(1);
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(written, 3);
  EXPECT_EQ(servers.ask(1, "SELECT count(*) FROM written"), "3");
  servers.join(0);
  stuck.join();
}

TEST(Routing, waits_for_a_switchover_without_an_error) {
  Replicas servers(1);
  servers.ask(0, "CREATE TABLE written (n int)");
  Database db(servers, {0, 1}, {.min_size = 1, .max_size = 4});
  db.execute("INSERT INTO written VALUES (0)");
  std::atomic<bool> over = false;
  std::atomic<int> done = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&] {
      while (!over) {
        EXPECT_NO_THROW(db.execute("INSERT INTO written VALUES (1)"));
        ++done;
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return done > 20; }));
  db.router().suspend(engine::now() + 20s);
  const auto pool = db.view(servers.gate(0).port()).pool;
  ASSERT_TRUE(eventually([&] { return pool->stats().leased == 0 && pool->stats().requests_waiting == 0; }));
  servers.server(0).stop();
  servers.promote(1);
  const int before = done;
  EXPECT_TRUE(eventually([&] { return done > before + 20; }));
  over = true;
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(servers.ask(1, "SELECT count(*) FROM written WHERE n = 1"), std::to_string(done));
}

}  // namespace
}  // namespace copg::test
