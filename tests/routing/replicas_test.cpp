// The servers that the tests of clusters stand on do what their header says.
#include "support/replicas.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>

#include "support/eventually.hpp"

namespace copg::test {
namespace {

namespace fs = std::filesystem;

TEST(Replicas, stream_and_are_promoted_and_taken_back) {
  Replicas servers(2);
  servers.ask(0, "CREATE TABLE seen (n int); INSERT INTO seen VALUES (1)");
  for (const std::size_t standby : {1U, 2U}) {
    EXPECT_TRUE(eventually([&] { return servers.has_all_of(standby, 0); }));
    EXPECT_EQ(servers.ask(standby, "SELECT count(*) FROM seen"), "1");
  }

  servers.pause_replay(2);
  servers.ask(0, "INSERT INTO seen VALUES (2)");
  EXPECT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  EXPECT_FALSE(servers.has_all_of(2, 0));
  servers.resume_replay(2);
  EXPECT_TRUE(eventually([&] { return servers.has_all_of(2, 0); }));

  servers.server(0).kill_hard();
  servers.promote(1);
  servers.ask(1, "INSERT INTO seen VALUES (3)");
  servers.follow(2, 1);
  EXPECT_TRUE(eventually([&] { return servers.has_all_of(2, 1); }));
  EXPECT_EQ(servers.ask(2, "SELECT count(*) FROM seen"), "3");

  servers.server(0).start();  // a second primary, which writes what the other will not have
  servers.ask(0, "INSERT INTO seen VALUES (-1)");
  servers.follow(0, 1);
  EXPECT_TRUE(eventually([&] { return servers.has_all_of(0, 1); }));
  EXPECT_EQ(servers.ask(0, "SELECT min(n) FROM seen"), "1");
}

TEST(Replicas, can_be_parted) {
  Replicas servers(1);
  servers.part(0);
  servers.ask(0, "CREATE TABLE unseen ()");
  EXPECT_FALSE(servers.has_all_of(1, 0));
  servers.join(0);
  EXPECT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
}

TEST(Replicas, are_gone_soon_after_their_program_is_killed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Replicas servers(1);
    servers.server(1).freeze();
    std::string told;
    for (std::size_t i = 0; i < servers.size(); ++i) {
      told += servers.server(i).socket_folder().string() + " " +
              std::to_string(*servers.server(i).postmaster_pid()) + " ";
    }
    [[maybe_unused]] const auto written = ::write(ends[1], told.data(), told.size());
    for (;;) ::pause();
  }
  std::array<char, 400> buffer{};
  ASSERT_GT(::read(ends[0], buffer.data(), buffer.size() - 1), 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  std::istringstream told(buffer.data());
  std::string folder;
  pid_t postmaster = 0;
  int servers = 0;
  for (; told >> folder >> postmaster; ++servers) {
    EXPECT_TRUE(eventually([&] { return !fs::exists(folder); })) << folder;
    // Nobody reaps it where the container's first process does not.
    EXPECT_TRUE(eventually([&] { return !fs::exists("/proc/" + std::to_string(postmaster) + "/exe"); }));
  }
  EXPECT_EQ(servers, 2);
  for (const int end : ends) ::close(end);
}

}  // namespace
}  // namespace copg::test
