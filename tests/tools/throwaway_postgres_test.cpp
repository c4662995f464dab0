// The throw-away server keeps what its header says: it is there when the constructor returns, and leaves
// nothing.
#include "testing/throwaway_postgres.hpp"

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace copg::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Session = std::unique_ptr<PGconn, decltype(&PQfinish)>;

Session connect(const std::string& url) { return {PQconnectdb(url.c_str()), &PQfinish}; }

std::string value_of(PGconn* conn, const char* sql) {
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(conn, sql), &PQclear);
  return PQntuples(result.get()) == 1 ? PQgetvalue(result.get(), 0, 0) : PQerrorMessage(conn);
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds timeout = 20s) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(ThrowawayPostgres, answers_on_its_socket_and_on_its_port) {
  const ThrowawayPostgres server;
  EXPECT_EQ(value_of(connect(server.url()).get(), "SELECT current_user"), "postgres");
  EXPECT_EQ(value_of(connect(server.tcp_url("template1")).get(), "SELECT current_database()"), "template1");
}

TEST(ThrowawayPostgres, settings_are_in_force_and_can_be_changed_while_it_runs) {
  ThrowawayPostgres server({.settings = {{"max_connections", "7"}, {"application_name", "it's \\ quoted"}}});
  const Session session = connect(server.url());
  EXPECT_EQ(value_of(session.get(), "SHOW max_connections"), "7");
  EXPECT_EQ(value_of(session.get(), "SHOW application_name"), "it's \\ quoted");
  server.configure({{"work_mem", "1234kB"}});
  server.reload();
  EXPECT_TRUE(eventually([&] { return value_of(session.get(), "SHOW work_mem") == "1234kB"; }));
}

TEST(ThrowawayPostgres, a_password_is_asked_for_on_the_port_alone) {
  const ThrowawayPostgres server({.password = "it's /a:secret%"});
  EXPECT_EQ(PQstatus(connect(server.url()).get()), CONNECTION_OK);
  EXPECT_EQ(PQstatus(connect(server.tcp_url()).get()), CONNECTION_OK);
  EXPECT_EQ(PQstatus(connect(server.tcp_url() + "?password=wrong").get()), CONNECTION_BAD);
}

TEST(ThrowawayPostgres, tls_passes_full_verification_against_its_certificate) {
  const ThrowawayPostgres server({.tls = true});
  const Session session =
      connect(server.tcp_url() + "?sslmode=verify-full&sslrootcert=" + server.certificate().string());
  ASSERT_EQ(PQstatus(session.get()), CONNECTION_OK) << PQerrorMessage(session.get());
  EXPECT_EQ(PQsslInUse(session.get()), 1);
}

TEST(ThrowawayPostgres, data_and_port_survive_a_restart_and_a_hard_kill) {
  ThrowawayPostgres server;
  const std::string url = server.tcp_url();
  value_of(connect(url).get(), "CREATE TABLE kept AS SELECT 42 AS answer");
  server.restart();
  EXPECT_EQ(value_of(connect(url).get(), "SELECT answer FROM kept"), "42");
  const Session victim = connect(url);
  server.kill_hard();
  EXPECT_FALSE(server.postmaster_pid());
  EXPECT_NE(value_of(victim.get(), "SELECT 1"), "1");
  EXPECT_EQ(PQstatus(connect(url).get()), CONNECTION_BAD);
  server.start();
  EXPECT_EQ(PQstatus(connect(url).get()), CONNECTION_OK);
}

TEST(ThrowawayPostgres, a_frozen_server_says_nothing_until_it_is_thawed) {
  ThrowawayPostgres server;
  const Session session = connect(server.url());
  server.freeze();
  ASSERT_EQ(PQsendQuery(session.get(), "SELECT 1"), 1);
  server.thaw();
  const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQgetResult(session.get()), &PQclear);
  EXPECT_EQ(PQresultStatus(result.get()), PGRES_TUPLES_OK);
  server.freeze();
  server.stop();
  EXPECT_FALSE(server.postmaster_pid());
}

TEST(ThrowawayPostgres, nothing_is_left_after_its_destruction) {
  fs::path folder;
  pid_t pid = 0;
  {
    const ThrowawayPostgres server;
    folder = server.socket_folder();
    pid = *server.postmaster_pid();
    EXPECT_TRUE(fs::exists(folder));
  }
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(ThrowawayPostgres, a_bad_setting_is_reported_in_the_servers_words) {
  try {
    const ThrowawayPostgres server({.settings = {{"max_connections", "many"}}});
    FAIL() << "it started";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("max_connections"), std::string::npos) << error.what();
  }
}

TEST(ThrowawayPostgres, server_and_folder_go_when_their_process_is_killed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const ThrowawayPostgres server;
    const std::string told = std::to_string(*server.postmaster_pid()) + " " + server.socket_folder().string();
    [[maybe_unused]] const auto written = ::write(ends[1], told.data(), told.size());
    for (;;) ::pause();
  }
  std::array<char, 200> buffer{};
  ASSERT_GT(::read(ends[0], buffer.data(), buffer.size() - 1), 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  char* end = nullptr;
  const auto pid = static_cast<pid_t>(std::strtol(buffer.data(), &end, 10));
  const fs::path folder(end + 1);
  EXPECT_TRUE(eventually([&] { return !fs::exists(folder); })) << folder;
  // The orphan may stay a zombie where nobody reaps; its command line is gone then.
  EXPECT_TRUE(eventually([&] { return !fs::exists("/proc/" + std::to_string(pid) + "/exe"); }));
}

TEST(ThrowawayPostgres, a_forked_child_does_not_stop_its_parents_server) {
  ThrowawayPostgres server;
  const pid_t child = ::fork();
  if (child == 0) {
    server.~ThrowawayPostgres();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_EQ(value_of(connect(server.url()).get(), "SELECT 1"), "1");
}

}  // namespace
}  // namespace copg::testing
