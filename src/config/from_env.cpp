// Config from the environment and a .env file.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "config/config_values.hpp"
#include "config/conninfo_keywords.hpp"
#include "config/dotenv.hpp"

namespace copg {
namespace {

/// The process's variables and those of a file, one over the other. Setting one to nothing hides it in the
/// other.
class Environment {
 public:
  Environment(detail::Variables file, bool file_wins) : file_(std::move(file)), file_wins_(file_wins) {}

  [[nodiscard]] std::string get(const std::string& name) const {
    const auto in_file = file_.find(name);
    if (wins(name, in_file)) return in_file->second;
    return detail::environment(name.c_str());
  }
  /// What libpq can't see for itself, because it stands in the file alone.
  [[nodiscard]] std::string get_from_file(const std::string& name) const {
    const auto in_file = file_.find(name);
    return wins(name, in_file) ? in_file->second : std::string();
  }

 private:
  [[nodiscard]] bool wins(const std::string& name, detail::Variables::const_iterator in_file) const {
    return in_file != file_.end() && (file_wins_ || std::getenv(name.c_str()) == nullptr);
  }

  detail::Variables file_;
  bool file_wins_;
};

Environment load(const std::optional<std::string>& dotenv, bool load_dotenv_file) {
  if (dotenv) return {detail::read_dotenv(*dotenv), true};
  if (load_dotenv_file) {
    std::error_code error;
    const std::filesystem::path folder = std::filesystem::current_path(error);
    if (!error) {
      if (const auto found = detail::find_dotenv(folder)) return {detail::read_dotenv(*found), false};
    }
  }
  return {{}, false};
}

/// The first of two variables that is set; `used` is its name.
std::string first_of(const Environment& environment, const char* ours, const char* libpqs,
                     std::string* used = nullptr) {
  for (const char* const name : {ours, libpqs}) {
    if (std::string value = environment.get(name); !value.empty()) {
      if (used != nullptr) *used = name;
      return value;
    }
  }
  return {};
}

/// The file's variables for libpq, which knows only those of the process.
void take_libpq_variables(const Environment& environment, Config& config) {
  constexpr std::string_view fields[] = {"host", "port", "dbname", "user", "password", "sslmode"};
  for (const detail::ConninfoKeyword& keyword : detail::conninfo_keywords()) {
    if (keyword.variable.empty() ||
        std::find(std::begin(fields), std::end(fields), keyword.name) != std::end(fields)) {
      continue;
    }
    std::string value = environment.get_from_file(std::string(keyword.variable));
    if (!value.empty()) config.options.try_emplace(std::string(keyword.name), std::move(value));
  }
}

}  // namespace

Config Config::from_env(const std::optional<std::string>& dotenv, bool load_dotenv_file) {
  const Environment environment = load(dotenv, load_dotenv_file);
  if (const std::string url = environment.get("DATABASE_URL"); !url.empty()) {
    Config config = from_url(url);
    take_libpq_variables(environment, config);
    return config;
  }
  Config config = environment.get("PGSERVICE").empty() ? Config{} : detail::config_without_defaults();
  const auto take = [&environment](std::string& field, const char* ours, const char* libpqs) {
    if (std::string value = first_of(environment, ours, libpqs); !value.empty()) field = std::move(value);
  };
  take(config.host, "DB_HOST", "PGHOST");
  take(config.database, "DB_NAME", "PGDATABASE");
  take(config.user, "DB_USER", "PGUSER");
  take(config.password, "DB_PASSWORD", "PGPASSWORD");
  take(config.sslmode, "DB_SSLMODE", "PGSSLMODE");
  std::string name;
  const std::string ports = first_of(environment, "DB_PORT", "PGPORT", &name);
  if (!ports.empty()) detail::set_ports(config, name, ports);
  take_libpq_variables(environment, config);
  config.validate();
  return config;
}

}  // namespace copg
