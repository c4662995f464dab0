// `copg with-postgres -- CMD...`: runs a command next to a throw-away server.
#pragma once

#include <string>
#include <vector>

namespace copg::tools {

struct WithPostgresOptions {
  std::vector<std::string> command{};   ///< The program and its arguments.
  std::vector<std::string> settings{};  ///< name=value, for postgresql.conf.
  bool tcp = false;                     ///< DATABASE_URL names the loopback port, with a password.
  bool tls = false;                     ///< With `tcp`: TLS, verified against the server's own certificate.
};

/// Runs it with DATABASE_URL, PGHOST, PGPORT, PGUSER, PGDATABASE (and PGPASSWORD) set, and returns its exit
/// status: 128 + signal if it was killed, 127 if it was not found, 126 if it could not be executed. Signals
/// that ask us to end are passed on to the command; the server ends with it. Throws std::exception when the
/// server can't start, std::invalid_argument when a setting has no `=`.
int with_postgres(const WithPostgresOptions& options);

}  // namespace copg::tools
