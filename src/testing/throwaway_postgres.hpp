// A PostgreSQL server of one's own, made in a moment, gone without a trace: for tests, trials and the
// quickstart.
//
// It lives in a fresh temporary folder and listens on a Unix socket in it and on a free loopback port. It
// must never outlive the process that made it, not even when that is killed: a watchdog process ends the
// server and removes the folder. It gives up durability for speed (fsync = off) and must never hold data that
// anybody wants to keep.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "testing/child_process.hpp"
#include "testing/watched_folder.hpp"

namespace copg::testing {

/// How the server is set up. The defaults: superuser `postgres`, no password asked, no TLS.
struct ThrowawayOptions {
  /// Lines of postgresql.conf, such as {"max_connections", "20"}.
  std::vector<std::pair<std::string, std::string>> settings{};
  /// The superuser's. Empty: nobody is asked for one, on the socket or the port.
  std::string password{};
  /// With a password: how it is asked for on the port. Empty: scram-sha-256. The socket never asks.
  std::string auth_method{};
  /// Offer TLS on the port, with a self-signed certificate for localhost and 127.0.0.1.
  bool tls = false;
  /// Listen on the port. Without a password every user of this machine gets in there.
  bool tcp = true;
  /// The server must be ready by then.
  std::chrono::seconds start_timeout{60};
};

/// How `stop` ends the server.
enum class StopMode : std::uint8_t {
  smart,      ///< Waits until every connection has gone (SIGTERM).
  fast,       ///< Tells every connection that it is over, then shuts down in order (SIGINT).
  immediate,  ///< Drops everything; the next start recovers from the log (SIGQUIT).
};

/// Not thread-safe. A forked child that inherits one may not use it; there, its destructor does nothing.
class ThrowawayPostgres {
 public:
  /// Makes the folder and starts the server: about 0.8 s the first time, 0.2 s afterwards in the same
  /// process, or always if COPG_POSTGRES_TEMPLATE names a folder (made if missing) in which to keep the
  /// freshly initialised files. Throws std::runtime_error with the server's own words when it can't.
  explicit ThrowawayPostgres(ThrowawayOptions options = {});
  ThrowawayPostgres(const ThrowawayPostgres&) = delete;
  ThrowawayPostgres& operator=(const ThrowawayPostgres&) = delete;
  /// Stops the server, by force if need be, and removes the folder. Never throws.
  ~ThrowawayPostgres();

  /// Starts a stopped server, on the same port, with the same data; blocks until it is ready. Nothing if it
  /// runs.
  void start();
  /// Stops the server and blocks until it has gone; kills it when that takes more than 20 s. Nothing if it is
  /// stopped.
  void stop(StopMode mode = StopMode::fast);
  void restart(StopMode mode = StopMode::fast);
  /// SIGKILL to the server and all its processes, as a crash or the OOM killer would. The data stays for
  /// `start`.
  void kill_hard();
  /// Stops the processes of the server in their tracks (SIGSTOP): sockets stay open, nothing answers.
  void freeze();
  /// Lets them go on.
  void thaw();

  /// Adds or replaces lines of postgresql.conf. Takes effect at the next start, or with `reload`.
  void configure(const std::vector<std::pair<std::string, std::string>>& settings);
  /// Replaces pg_hba.conf. Takes effect likewise.
  void set_access_rules(const std::string& pg_hba_conf);
  /// Makes the running server read both files again (SIGHUP). Returns at once.
  void reload();

  /// postgresql:// address of the Unix socket; valid across restarts.
  [[nodiscard]] std::string url(const std::string& database = "postgres") const;
  /// postgresql:// address of the loopback port.
  [[nodiscard]] std::string tcp_url(const std::string& database = "postgres") const;
  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] const std::filesystem::path& socket_folder() const noexcept { return folder_.path(); }
  [[nodiscard]] std::filesystem::path data_folder() const { return folder_.path() / "data"; }
  /// With TLS: the certificate, for sslrootcert.
  [[nodiscard]] std::filesystem::path certificate() const { return folder_.path() / "server.crt"; }
  /// With TLS: the private key of the certificate.
  [[nodiscard]] std::filesystem::path key() const { return folder_.path() / "server.key"; }
  /// The superuser.
  [[nodiscard]] static std::string user() { return "postgres"; }
  /// Nothing while it is stopped.
  [[nodiscard]] std::optional<pid_t> postmaster_pid() const noexcept { return postmaster_; }
  /// What the server has written to its log so far.
  [[nodiscard]] std::string log() const;

 private:
  void make_data_folder();
  void make_certificate() const;
  void write_settings() const;
  void write_access_rules() const;
  /// False when the port was taken in the meantime.
  bool try_to_start();
  bool wait_until_ready();
  void notice_death();
  [[nodiscard]] std::vector<pid_t> processes() const;

  ThrowawayOptions options_;
  std::filesystem::path programs_;
  std::optional<SystemUser> user_;
  WatchedFolder folder_;
  std::uint16_t port_ = 0;
  std::optional<pid_t> postmaster_;
};

}  // namespace copg::testing
