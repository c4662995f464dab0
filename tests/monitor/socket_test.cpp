// The Unix socket by which a monitor is found.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <fstream>

#include "monitor/monitor_test.hpp"

namespace copg::test {
namespace {

class MonitorSocket : public MonitorTest {
 protected:
  static mode_t mode_of(const std::filesystem::path& path) {
    struct stat status {};
    EXPECT_EQ(lstat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777U;
  }
  static std::string named(int number) {
    return sockets() / (std::to_string(getpid()) + "-" + std::to_string(number) + ".sock");
  }
  /// A file of a socket on which nobody listens.
  static void leave(const std::string& path) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    ASSERT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    close(fd);
  }
};

TEST_F(MonitorSocket, lies_in_a_folder_of_this_users_with_the_pid) {
  const Monitor first({.port = {}});
  EXPECT_EQ(first.socket_path(), named(0));
  EXPECT_EQ(first.port(), 0);
  EXPECT_EQ(first.url(), "");
  EXPECT_EQ(mode_of(first.socket_path()), 0600U);
  EXPECT_EQ(mode_of(sockets()), 0700U);
  const Monitor second;
  EXPECT_EQ(second.socket_path(), named(1));
  EXPECT_EQ(HttpClient(first.socket_path()).get("/stats.json", "").status, 200) << "it needs no Host";
  const Monitor none({.unix_socket = false});
  EXPECT_EQ(none.socket_path(), "");
  EXPECT_EQ(HttpClient(none.port()).get("/health").status, 200);
}

TEST_F(MonitorSocket, files_of_dead_processes_go_with_the_next) {
  { const Monitor makes_the_folder; }
  leave(sockets() / "4711-0.sock");
  leave(named(0));
  std::ofstream(sockets() / "notes.txt") << "not a socket";
  const Monitor monitor;
  EXPECT_FALSE(std::filesystem::exists(sockets() / "4711-0.sock"));
  EXPECT_EQ(monitor.socket_path(), named(0));
  EXPECT_TRUE(std::filesystem::exists(sockets() / "notes.txt"));
  EXPECT_EQ(HttpClient(monitor.socket_path()).get("/health").status, 200);
  const Monitor another;
  EXPECT_EQ(HttpClient(monitor.socket_path()).get("/health").status, 200) << "a live one stays";
}

TEST_F(MonitorSocket, a_folder_that_others_may_enter_is_not_used) {
  { const Monitor makes_the_folder; }
  std::filesystem::permissions(sockets(), std::filesystem::perms::group_exec,
                               std::filesystem::perm_options::add);
  EXPECT_NE(
      error_of<ConfigurationError>([] { const Monitor refused({.port = {}}); }).message.find("with mode 700"),
      std::string::npos);
  const Monitor with_port;
  EXPECT_EQ(with_port.socket_path(), "") << "the port is enough";
  EXPECT_EQ(HttpClient(with_port.port()).get("/health").status, 200);
  std::filesystem::permissions(sockets(), std::filesystem::perms::owner_all);
}

TEST_F(MonitorSocket, a_link_to_a_folder_is_not_used) {
  { const Monitor makes_the_folder; }
  const std::filesystem::path elsewhere = folder() / "elsewhere";
  std::filesystem::rename(sockets(), elsewhere);
  std::filesystem::create_directory_symlink(elsewhere, sockets());
  EXPECT_THROW(const Monitor refused({.port = {}}), ConfigurationError);
  std::filesystem::remove(sockets());
  std::filesystem::rename(elsewhere, sockets());
}

TEST_F(MonitorSocket, without_a_folder_to_make_there_is_only_the_port) {
  setenv("XDG_RUNTIME_DIR", (folder() / "missing").c_str(), 1);
  const Monitor with_port;
  EXPECT_EQ(with_port.socket_path(), "");
  EXPECT_NE(
      error_of<ConfigurationError>([] { const Monitor refused({.port = {}}); }).message.find("No such file"),
      std::string::npos);
  setenv("XDG_RUNTIME_DIR", folder().c_str(), 1);
}

}  // namespace
}  // namespace copg::test
