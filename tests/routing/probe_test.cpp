// What a real server answers when it is asked what it is.
#include "routing/probe_operation.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "support/eventually.hpp"
#include "support/poll_driver.hpp"
#include "support/replicas.hpp"

namespace copg::test {
namespace {

using cluster::Observation;
using routing::ProbeOperation;

pq::ConnectSettings settings_of(const testing::ThrowawayPostgres& server,
                                const std::string& user = "postgres") {
  return {.keywords = {{"host", server.socket_folder().string()},
                       {"port", std::to_string(server.port())},
                       {"user", user},
                       {"dbname", "postgres"}}};
}

/// Asks, and keeps the connection.
class Prober {
 public:
  explicit Prober(pq::ConnectSettings settings) : settings_(std::move(settings)) {}

  std::optional<Observation> ask() {
    ProbeOperation operation(settings_, std::move(connection_), last_);
    run(operation);
    error_ = operation.error() == nullptr ? ErrorInfo{} : *operation.error();
    connection_ = operation.take_connection();
    if (operation.error() != nullptr) return std::nullopt;
    last_ = operation.observation();
    return last_;
  }
  [[nodiscard]] const ErrorInfo& error() const { return error_; }
  [[nodiscard]] int backend() const { return connection_ ? connection_->backend_pid() : 0; }

 private:
  pq::ConnectSettings settings_;
  std::unique_ptr<pq::Connection> connection_;
  std::optional<Observation> last_;
  ErrorInfo error_;
};

/// One system for all tests that leave it as it was.
class Probe : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { made = std::make_unique<Replicas>(1); }
  static void TearDownTestSuite() { made.reset(); }

  ~Probe() override {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      servers.server(i).thaw();
      if (!servers.server(i).postmaster_pid()) servers.server(i).start();
    }
  }

  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
  Prober primary{settings_of(servers.server(0))};
  Prober standby{settings_of(servers.server(1))};
};
std::unique_ptr<Replicas> Probe::made;

TEST_F(Probe, tells_a_primary_from_its_standby) {
  servers.ask(0, "CREATE TABLE IF NOT EXISTS written (n int)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  const auto one = primary.ask();
  const auto two = standby.ask();
  ASSERT_TRUE(one && two);
  EXPECT_TRUE(one->primary);
  EXPECT_FALSE(two->primary);
  EXPECT_NE(one->system, 0U);
  EXPECT_EQ(one->system, two->system);
  EXPECT_NE(one->instance, two->instance);
  EXPECT_EQ(one->timeline, 1U);
  EXPECT_EQ(two->timeline, 1U);
  EXPECT_GE(one->position, two->position);
  EXPECT_EQ(one->lag, cluster::Duration::zero());
  EXPECT_LT(two->lag, 20s);
  const int kept = primary.backend();
  EXPECT_EQ(primary.ask()->instance, one->instance);
  EXPECT_EQ(primary.backend(), kept);
  servers.ask(0, "INSERT INTO written VALUES (1)");
  EXPECT_GT(primary.ask()->position, one->position);
  servers.server(0).restart();
  EXPECT_NE(primary.ask()->instance, one->instance);
}

TEST(ProbeOfThePromoted, shows_the_new_timeline_at_once_and_that_of_its_standbys_for_good) {
  Replicas servers(2);
  Prober first(settings_of(servers.server(0)));
  Prober second(settings_of(servers.server(1)));
  Prober third(settings_of(servers.server(2)));
  const Observation before = *second.ask();
  servers.server(0).kill_hard();
  servers.promote(1);
  const Observation after = *second.ask();
  EXPECT_TRUE(after.primary);
  EXPECT_EQ(after.timeline, 2U);
  EXPECT_EQ(after.system, before.system);
  EXPECT_EQ(after.instance, before.instance);
  EXPECT_GE(after.position, before.position);

  EXPECT_EQ(third.ask()->timeline, 1U);
  servers.follow(2, 1);
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(2, 1); }));
  EXPECT_FALSE(third.ask()->primary);
  EXPECT_EQ(third.ask()->timeline, 2U);

  servers.server(0).start();
  EXPECT_TRUE(first.ask()->primary);
  EXPECT_EQ(first.ask()->timeline, 1U);

  // Without a primary, and before its next restartpoint, nothing that the server shows tells it any more.
  servers.server(1).kill_hard();
  ASSERT_TRUE(eventually([&] { return servers.ask(2, "SELECT count(*) FROM pg_stat_wal_receiver") == "0"; }));
  EXPECT_EQ(third.ask()->timeline, 2U);
}

TEST_F(Probe, shows_how_old_the_data_are_while_the_replay_is_paused) {
  servers.ask(0, "CREATE TABLE IF NOT EXISTS written (n int)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  servers.pause_replay(1);
  const Observation before = *standby.ask();
  const auto begin = SteadyClock::now();
  servers.ask(0, "INSERT INTO written VALUES (1)");
  ASSERT_TRUE(eventually(
      [&] { return servers.ask(1, "SELECT pg_last_wal_receive_lsn() > pg_last_wal_replay_lsn()") == "t"; }));
  ASSERT_TRUE(eventually([&] { return standby.ask()->lag >= 200ms; }));
  const Observation behind = *standby.ask();
  EXPECT_EQ(behind.position, before.position);
  EXPECT_LT(behind.position, primary.ask()->position);
  EXPECT_GE(behind.lag, SteadyClock::now() - begin - 100ms);
  servers.resume_replay(1);
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  EXPECT_EQ(standby.ask()->position, primary.ask()->position);
}

TEST_F(Probe, needs_no_privilege_and_knows_less_of_the_age_without_one) {
  servers.ask(0, "CREATE ROLE plain LOGIN");
  servers.ask(0, "CREATE ROLE watching LOGIN IN ROLE pg_read_all_stats");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  Prober plain(settings_of(servers.server(1), "plain"));
  Prober watching(settings_of(servers.server(1), "watching"));
  ASSERT_TRUE(Prober(settings_of(servers.server(0), "plain")).ask());
  // What is replayed last is no transaction: only the message shows that nothing is missing.
  ASSERT_TRUE(eventually([&] { return plain.ask()->lag >= 300ms; }));
  servers.ask(0, "SELECT pg_switch_wal()");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  const auto by_transaction = plain.ask();
  const auto by_message = watching.ask();
  ASSERT_TRUE(by_transaction && by_message);
  EXPECT_GE(by_transaction->lag, 300ms);
  EXPECT_LT(by_message->lag, by_transaction->lag);
  EXPECT_EQ(by_transaction->timeline, 1U);
  EXPECT_EQ(by_transaction->position, by_message->position);
}

TEST_F(Probe, tries_afresh_when_its_connection_has_died) {
  ASSERT_TRUE(primary.ask());
  const int backend = primary.backend();
  servers.ask(0, "SELECT pg_terminate_backend(" + std::to_string(backend) + ")");
  ASSERT_TRUE(
      eventually([&] { return !std::filesystem::exists("/proc/" + std::to_string(backend) + "/exe"); }));
  EXPECT_TRUE(primary.ask()) << primary.error().message;
  EXPECT_NE(primary.backend(), backend);
}

TEST_F(Probe, fails_where_nobody_listens) {
  ASSERT_TRUE(primary.ask());
  servers.server(0).kill_hard();
  EXPECT_FALSE(primary.ask());
  EXPECT_EQ(primary.error().kind, ErrorKind::connection_failed);
}

TEST_F(Probe, fails_while_the_server_shuts_down) {
  ASSERT_TRUE(primary.ask());
  Prober late(settings_of(servers.server(0)));
  ::kill(*servers.server(0).postmaster_pid(), SIGTERM);  // smart: it waits for our connection
  EXPECT_TRUE(eventually([&] { return !late.ask(); }));
  EXPECT_EQ(late.error().sqlstate.text(), "57P03") << late.error().message;
  servers.server(0).stop();
}

TEST_F(Probe, fails_while_the_server_starts_up) {
  auto& server = servers.server(1);
  server.stop();
  const auto go = server.socket_folder() / "go";
  server.configure({{"restore_command", "while [ ! -e " + go.string() + " ]; do sleep 0.02; done; false"}});
  std::thread starting([&] { server.start(); });
  EXPECT_TRUE(eventually([&] { return !standby.ask() && !standby.error().sqlstate.empty(); }));
  EXPECT_EQ(standby.error().sqlstate.text(), "57P03") << standby.error().message;
  std::ofstream(go).put('\n');
  starting.join();
  EXPECT_TRUE(eventually([&] { return standby.ask().has_value(); }));
  server.configure({{"restore_command", ""}});
}

TEST_F(Probe, is_over_at_its_deadline_when_the_server_is_frozen) {
  ASSERT_TRUE(primary.ask());
  servers.server(0).freeze();
  ProbeOperation operation(settings_of(servers.server(0)), nullptr, {});
  EXPECT_FALSE(run_until(operation, SteadyClock::now() + 100ms));
  EXPECT_NE(std::string(operation.phase()), "");
}

}  // namespace
}  // namespace copg::test
