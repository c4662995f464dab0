// Where a router runs: on threads of its own, on the program's event loop, in a forked child.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include <cstdio>
#include <thread>

#include "routing/database.hpp"
#include "support/eventually.hpp"
#include "support/process_census.hpp"

namespace copg::test {
namespace {

class RouterPlace : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { made = std::make_unique<Replicas>(1); }
  static void TearDownTestSuite() { made.reset(); }
  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
};
std::unique_ptr<Replicas> RouterPlace::made;

TEST_F(RouterPlace, of_a_closed_router_is_left_empty) {
  // The gates' descriptors are ours, too.
  ASSERT_TRUE(
      eventually([&] { return servers.ask(0, "SELECT state FROM pg_stat_replication") == "streaming"; }));
  const Census before;
  {
    Database db(servers, {0, 1}, {.min_size = 1, .max_size = 4});
    db.value(which);
    db.router().close(std::chrono::seconds(1));
    EXPECT_THROW(db.value(which), PoolClosed);
    db.router().close(std::chrono::seconds(1));
  }
  EXPECT_TRUE(eventually([&] { return Census().within(before); }))
      << Census().threads << " threads, " << before.threads << " before; " << Census().descriptors
      << " descriptors, " << before.descriptors << " before";
}

TEST_F(RouterPlace, on_an_event_loop_of_the_program_leaves_that_nothing_to_do) {
  boost::asio::io_context io;
  {
    Database db(config_for(servers, {1, 0}), {.min_size = 1, .max_size = 2}, io.get_executor());
    std::thread loop([&] { io.run(); });
    EXPECT_EQ(db.value(which), port_of(servers, 0));
    EXPECT_EQ(db.value(which, from_replica), port_of(servers, 1));
    db.router().close(std::chrono::seconds(1));
    loop.join();
  }
  EXPECT_TRUE(eventually([&] { return servers.gate(0).connections() == 0; }));
}

TEST_F(RouterPlace, in_a_forked_child_begins_anew_and_disturbs_no_parent) {
  Database db(servers, {0, 1}, {.min_size = 1, .max_size = 2});
  EXPECT_EQ(db.value(which), port_of(servers, 0));
  const std::string before = db.value("SELECT pg_backend_pid()");
  const auto pool = db.router().hosts().at(0).pool;
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 2;
    try {
      result = db.value(which) == port_of(servers, 0) &&
                       db.value(which, from_replica) == port_of(servers, 1) &&
                       db.router().hosts().at(0).pool == pool
                   ? 0
                   : 1;
      db.router().close(std::chrono::seconds(1));
    } catch (const std::exception& error) {
      std::fprintf(stderr, "in the child: %s\n", error.what());
    }
    ::_exit(result);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(db.value("SELECT pg_backend_pid()"), before);
  EXPECT_EQ(db.value(which, from_replica), port_of(servers, 1));
}

const std::string probes =
    "SELECT pid FROM pg_stat_activity WHERE query LIKE '%received_tli%' AND pid <> pg_backend_pid()";

TEST_F(RouterPlace, that_a_forked_child_destroys_unused_goes_on_in_the_parent) {
  auto db = std::make_unique<Database>(servers, std::vector<std::size_t>{0, 1},
                                       PoolOptions{.min_size = 1, .max_size = 2});
  const std::string before = db->value("SELECT pg_backend_pid()");
  const std::string probe_before = servers.ask(0, probes);
  ASSERT_NE(probe_before, "");
  const pid_t child = ::fork();
  if (child == 0) {
    db.reset();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(db->value("SELECT pg_backend_pid()"), before);
  const std::string moment = servers.ask(0, "SELECT clock_timestamp()");
  ASSERT_TRUE(
      eventually([&] { return servers.ask(0, probes + " AND query_start > '" + moment + "'") != ""; }));
  EXPECT_EQ(servers.ask(0, probes), probe_before);
}

}  // namespace
}  // namespace copg::test
