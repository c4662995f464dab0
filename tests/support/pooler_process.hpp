// Another pooler, as a program of one's own in front of throw-away servers: on a Unix socket in a temporary
// folder and, if it is told so, on a free loopback port.
//
// It ends with the process that made it, also when that is killed.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "testing/child_process.hpp"
#include "testing/watched_folder.hpp"

namespace copg::test {

class PoolerProcess {
 public:
  PoolerProcess(const PoolerProcess&) = delete;
  PoolerProcess& operator=(const PoolerProcess&) = delete;
  ~PoolerProcess();

  /// Drops all connections and ends. Nothing if it is stopped.
  void stop();
  /// Returns once it accepts connections. Nothing if it runs. Throws std::runtime_error with its own words
  /// when it does not.
  void start();
  /// postgresql:// address of the socket; valid across restarts.
  [[nodiscard]] std::string url() const;
  /// postgresql:// address of the loopback port.
  [[nodiscard]] std::string tcp_url() const;
  /// What it has written to its log so far.
  [[nodiscard]] std::string log() const;

 protected:
  /// `command` is for a shell, in the folder, and must stay in the foreground. The signal, such as "TERM", is
  /// the one at which it drops all connections and ends.
  PoolerProcess(std::string command, std::string signal);

  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_.path(); }
  /// Names the socket, as PostgreSQL's does.
  [[nodiscard]] const std::string& port() const noexcept { return port_; }

 private:
  std::optional<testing::SystemUser> user_;
  testing::WatchedFolder folder_;
  std::string port_;
  std::string script_;
  std::string signal_;
  pid_t keeper_ = -1;  // the shell that ends it when our end of its pipe closes
  int pipe_ = -1;
};

}  // namespace copg::test
