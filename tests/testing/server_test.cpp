// The server that programs are offered for their tests keeps what its header says.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <copg/copg.hpp>
#include <copg/testing.hpp>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "support/eventually.hpp"

namespace {

namespace fs = std::filesystem;
using copg::test::eventually;
using copg::testing::Server;

TEST(TestServer, has_its_settings_and_is_gone_when_it_is_closed) {
  Server server({.settings = {{"cluster_name", "it's \\ quoted"}}});
  {
    auto db = copg::PooledDatabase::from_url(server.url());
    EXPECT_EQ(db.fetch_val<std::string>("SHOW cluster_name"), "it's \\ quoted");
    EXPECT_EQ(db.fetch_val<std::string>("SHOW listen_addresses"), "");
  }
  EXPECT_NE(server.log().find("ready"), std::string::npos) << server.log();
  EXPECT_TRUE(fs::exists(server.socket_folder()));
  server.close();
  EXPECT_FALSE(fs::exists(server.socket_folder()));
  EXPECT_EQ(server.log(), "");
  server.close();
}

TEST(TestServer, says_why_it_does_not_start) {
  try {
    const Server server({.settings = {{"nonsense", "1"}}});
    ADD_FAILURE() << "it started";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("nonsense"), std::string::npos) << error.what();
  }
}

TEST(TestServer, is_gone_soon_after_its_program_is_killed) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const Server server;
    const std::string& told = server.socket_folder();
    [[maybe_unused]] const auto written = ::write(ends[1], told.data(), told.size());
    for (;;) ::pause();
  }
  std::array<char, 200> buffer{};
  ASSERT_GT(::read(ends[0], buffer.data(), buffer.size() - 1), 0);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const fs::path folder(buffer.data());
  EXPECT_TRUE(eventually([&] { return !fs::exists(folder); })) << folder;
}

TEST(TestServer, stays_when_a_forked_child_destroys_its_copy) {
  Server server;
  const pid_t child = ::fork();
  if (child == 0) {
    server.close();
    ::_exit(0);
  }
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(fs::exists(server.socket_folder()));
  EXPECT_EQ(copg::PooledDatabase::from_url(server.url()).fetch_val<int>("SELECT 1"), 1);
}

}  // namespace
