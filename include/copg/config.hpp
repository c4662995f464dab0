// Where the server is and who we are: what it takes to open a connection.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// A plain value; nothing is looked up or connected here. An empty string (0 for the port) is not handed to
/// libpq, whose own environment variables, service and password files then apply.
struct Config {
  /// A name, an address, a socket folder ("/..."), or several with commas between.
  std::string host = "localhost";
  int port = 5432;  ///< 1..65535, or 0. Several ports for several hosts go into options["port"].
  std::string database = "postgres";
  std::string user = "postgres";
  std::string password{};
  std::string sslmode{};  ///< disable, allow, prefer, require, verify-ca, verify-full
  /// libpq keywords ("application_name", "target_session_attrs", ...), which win over the fields above; any
  /// other key is a server setting (`-c key=value`) and must match [a-z_][a-z0-9_.]*.
  std::map<std::string, std::string> options{};
  std::optional<std::chrono::milliseconds> statement_timeout{};  ///< On the server, per statement; 0: none.

  /// A non-empty DATABASE_URL beats everything; else, for each field, DB_HOST, DB_PORT, DB_NAME, DB_USER,
  /// DB_PASSWORD, DB_SSLMODE, then PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSSLMODE, then the
  /// default above (nothing, if PGSERVICE names a service). An empty variable counts as unset. `dotenv`: a
  /// file of KEY=VALUE lines that wins over the environment. Without it, and unless `load_dotenv_file` is
  /// false, ".env" is looked for in the current folder and those above it, and the environment wins.
  /// The environment of the process is read, never changed. Throws ConfigurationError. Reads files: blocks.
  [[nodiscard]] static Config from_env(const std::optional<std::filesystem::path>& dotenv = {},
                                       bool load_dotenv_file = true);

  /// postgresql:// or postgres:// (also with +driver):
  /// user:password@host:port,host:port/database?key=value&... percent-encoded; a host may be [IPv6] or a
  /// socket folder (%2Fpath, or ?host=/path). The query takes what `options` takes, sslmode, and
  /// statement_timeout (milliseconds, or with a unit: 500ms, 30s, 5min). What the URL leaves out has the
  /// defaults above. Throws ConfigurationError, which never shows the password.
  [[nodiscard]] static Config from_url(std::string_view url);

  /// Throws ConfigurationError naming the option, its value and the rule.
  void validate() const;

  /// A URL from which from_url makes an equal Config. With the password: never log it.
  [[nodiscard]] std::string dsn() const;

  /// What is handed to PQconnectStartParams: keyword and value, in which nothing needs further quoting.
  /// Validates. Server settings become the keyword `options`, after what PGOPTIONS holds (libpq would drop it
  /// otherwise).
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> keywords() const;

  friend bool operator==(const Config&, const Config&) = default;
};

/// For people: without the password.
[[nodiscard]] std::string to_string(const Config& config);
std::ostream& operator<<(std::ostream& out, const Config& config);

}  // namespace copg
#pragma GCC visibility pop
