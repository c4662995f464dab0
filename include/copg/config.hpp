// What is needed to open a connection: where the server is, and who logs in.
#pragma once

#include <chrono>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// A plain value, which looks nothing up and connects to nothing. An empty string, or 0 for the port, is not
/// passed to libpq, whose own environment variables, service and password files then apply.
struct Config {
  /// A name, an address or a socket folder ("/..."), or several of them, separated by commas.
  std::string host = "localhost";
  int port = 5432;  ///< 1..65535, or 0. Several ports for several hosts go into options["port"].
  std::string database = "postgres";
  std::string user = "postgres";
  std::string password{};
  std::string sslmode{};  ///< disable, allow, prefer, require, verify-ca, verify-full
  /// libpq keywords ("application_name", "target_session_attrs", ...), which override the fields above. Any
  /// other key is a server setting (`-c key=value`) and must match [a-z_][a-z0-9_.]*.
  std::map<std::string, std::string> options{};
  std::optional<std::chrono::milliseconds> statement_timeout{};  ///< On the server, per statement; 0: none.

  /// Reads DATABASE_URL, if it is not empty; else, for each field, DB_HOST, DB_PORT, DB_NAME, DB_USER,
  /// DB_PASSWORD, DB_SSLMODE, then PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE, then the
  /// default above (nothing, if PGSERVICE names a service). An empty variable counts as unset. `dotenv` is
  /// the path of a file of KEY=VALUE lines that override the environment; a std::filesystem::path will do.
  /// Without it, and unless `load_dotenv_file` is false, ".env" is looked for in the current folder and those
  /// above it; the environment overrides it. Never changes the environment. Blocks, because it reads files.
  /// Throws ConfigurationError.
  [[nodiscard]] static Config from_env(const std::optional<std::string>& dotenv = {},
                                       bool load_dotenv_file = true);

  /// Reads postgresql:// or postgres:// (also with +driver), followed by
  /// user:password@host:port,host:port/database?key=value&... percent-encoded. A host may be [IPv6] or a
  /// socket folder (%2Fpath, or ?host=/path). The query takes what `options` takes, sslmode, and
  /// statement_timeout (milliseconds, or with a unit: 500ms, 30s, 5min). Parts that the URL leaves out have
  /// the defaults above. Throws ConfigurationError, which never shows the password.
  [[nodiscard]] static Config from_url(std::string_view url);

  /// Throws ConfigurationError naming the option, its value and the rule.
  void validate() const;

  /// A URL from which from_url makes an equal Config. It contains the password: never log it.
  [[nodiscard]] std::string dsn() const;

  /// Validates, and returns the keywords and values for PQconnectStartParams, which need no further quoting.
  /// Server settings go into the keyword `options`, behind those of PGOPTIONS, which libpq would drop.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> keywords() const;

  friend bool operator==(const Config&, const Config&) = default;
};

/// A text for people, without the password.
[[nodiscard]] std::string to_string(const Config& config);
std::ostream& operator<<(std::ostream& out, const Config& config);

}  // namespace copg
#pragma GCC visibility pop
