// A PostgreSQL server for a program's own tests. Link copg::testing, a library of its own.
#pragma once

#include <copg/testing/postgres_not_found.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace copg::testing {
class ThrowawayPostgres;  // in front of the pragma, so that its members are not exported
}  // namespace copg::testing

#pragma GCC visibility push(default)
namespace copg {
namespace testing {

struct ServerOptions {
  /// Lines of postgresql.conf, such as {"max_connections", "20"}.
  std::vector<std::pair<std::string, std::string>> settings{};
  /// How long the server may take to be ready. At least 1 s.
  std::chrono::seconds start_timeout{60};
};

/// A PostgreSQL server in a temporary folder, which listens on a Unix socket there and on no port.
///
/// It ends with `close`, with this object, or with this process, even if that is killed (`kill -9`): a small
/// process watches, ends the server, and removes the folder. It gives up durability for speed
/// (`fsync = off`): it is for data that nobody wants to keep. If this process is root's, the server runs as
/// the user `postgres` or `nobody`.
///
/// Not thread-safe. A forked child must not use it; there, its destructor does nothing.
class Server {
 public:
  /// Blocks until the server is ready: about 0.8 s for the first one of a process, 0.2 s for others; also for
  /// the first one if the environment's COPG_POSTGRES_TEMPLATE names a folder, made if missing, in which to
  /// keep what initdb has made. PostgresNotFound if no server is installed; std::runtime_error, with the
  /// server's words, if it does not start.
  explicit Server(ServerOptions options = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  /// Calls `close`.
  ~Server();

  /// The address of its database `postgres`, for the superuser `postgres`, who needs no password. It stays
  /// as it is after `close`.
  [[nodiscard]] const std::string& url() const noexcept { return url_; }
  /// Where its socket is: the host, for a client. The port is in the URL.
  [[nodiscard]] const std::string& socket_folder() const noexcept { return socket_folder_; }
  /// What the server has written to its log so far; empty after `close`.
  [[nodiscard]] std::string log() const;

  /// Ends the server and removes its folder. Connections are cut. Blocks for some 0.1 s. Idempotent.
  void close() noexcept;

 private:
  std::unique_ptr<ThrowawayPostgres> postgres_;
  std::string url_;
  std::string socket_folder_;
};

}  // namespace testing
}  // namespace copg
#pragma GCC visibility pop
