// A PgBouncer of one's own in front of a throw-away server, on a Unix socket in a temporary folder and on a
// free loopback port.
//
// It ends with the process that made it, also when that is killed. Asks for no password; whoever comes is the
// superuser.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing/child_process.hpp"
#include "testing/throwaway_postgres.hpp"
#include "testing/watched_folder.hpp"

namespace copg::test {

class PgBouncer {
 public:
  /// Lines of the section [pgbouncer], such as {"pool_mode", "transaction"}.
  using Settings = std::vector<std::pair<std::string, std::string>>;

  /// Returns once it accepts connections. Throws std::runtime_error with its own words when it does not.
  PgBouncer(const testing::ThrowawayPostgres& server, const Settings& settings);
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;
  ~PgBouncer();

  /// Drops all connections and ends. Nothing if it is stopped.
  void stop();
  /// Nothing if it runs.
  void start();
  /// postgresql:// address of the socket; valid across restarts.
  [[nodiscard]] std::string url() const;
  /// postgresql:// address of the loopback port.
  [[nodiscard]] std::string tcp_url() const;
  /// What it has written to its log so far.
  [[nodiscard]] std::string log() const;

 private:
  void write_configuration(const testing::ThrowawayPostgres& server, const Settings& settings) const;

  std::optional<testing::SystemUser> user_;
  testing::WatchedFolder folder_;
  std::string port_;
  pid_t keeper_ = -1;  // the shell that ends it when our end of its pipe closes
  int pipe_ = -1;
};

}  // namespace copg::test
