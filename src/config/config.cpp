// What a configuration allows, and what libpq gets of it.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "config/config_values.hpp"
#include "config/conninfo_keywords.hpp"

namespace copg {
namespace detail {

void reject_option(std::string_view option, std::string_view value, std::string_view rule) {
  throw ConfigurationError(fmt::format("{} = '{}': {}", option, value, rule));
}

namespace {

int parse_port(std::string_view option, std::string_view text) {
  int port = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), port);
  if (result.ec != std::errc() || result.ptr != text.data() + text.size() || port < 1 || port > 65535) {
    reject_option(option, text, "a port is a number from 1 to 65535");
  }
  return port;
}

/// "[a-z_][a-z0-9_.]*"
bool is_setting_name(std::string_view name) {
  constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyz_";
  return !name.empty() && first.find(name.front()) != std::string_view::npos &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789.") == std::string_view::npos;
}

void forbid_nul(std::string_view option, std::string_view value) {
  if (value.find('\0') != std::string_view::npos) {
    throw ConfigurationError(fmt::format("{} has a NUL inside, which can't be sent", option));
  }
}

void check_sslmode(std::string_view value) {
  constexpr std::string_view modes[] = {"",        "disable",   "allow",      "prefer",
                                        "require", "verify-ca", "verify-full"};
  if (std::find(std::begin(modes), std::end(modes), value) == std::end(modes)) {
    reject_option("sslmode", value, "it must be disable, allow, prefer, require, verify-ca or verify-full");
  }
}

/// " -c name=value" as pg_split_opts of the server takes it apart: a backslash keeps white space together.
void append_setting(std::string& options, std::string_view name, std::string_view value) {
  if (!options.empty()) options += ' ';
  options += "-c ";
  options += name;
  options += '=';
  for (const char c : value) {
    if (c == '\\' || c == ' ' || (c >= '\t' && c <= '\r')) options += '\\';
    options += c;
  }
}

}  // namespace

void set_ports(Config& config, std::string_view option, std::string_view ports) {
  config.port = 0;
  if (ports.empty()) return;
  bool several = false;
  for (std::size_t begin = 0; begin <= ports.size();) {
    const std::size_t end = std::min(ports.find(',', begin), ports.size());
    // libpq: an empty one among several stands for the default.
    const std::string_view text = ports.substr(begin, end - begin);
    const int port = text.empty() ? 5432 : parse_port(option, text);
    if (begin == 0) config.port = port;
    several = several || port != config.port;
    begin = end + 1;
  }
  if (several) config.options["port"] = ports;
}

std::chrono::milliseconds parse_timeout(std::string_view option, std::string_view text) {
  struct Unit {
    std::string_view name;
    std::int64_t microseconds;
  };
  constexpr Unit units[] = {{"", 1'000},          {"us", 1},           {"ms", 1'000},
                            {"s", 1'000'000},     {"min", 60'000'000}, {"h", 3'600'000'000},
                            {"d", 86'400'000'000}};
  constexpr std::string_view rule =
      "it must be a number of milliseconds from 0 to 2147483647, or have a unit: us, ms, s, min, h, d";
  std::int64_t count = 0;
  const auto number = std::from_chars(text.data(), text.data() + text.size(), count);
  std::string_view name(number.ptr, static_cast<std::size_t>(text.data() + text.size() - number.ptr));
  if (number.ec != std::errc() || count < 0) reject_option(option, text, rule);
  name.remove_prefix(std::min(name.find_first_not_of(' '), name.size()));
  for (const Unit& unit : units) {
    std::int64_t microseconds = 0;
    if (unit.name != name) continue;
    if (__builtin_mul_overflow(count, unit.microseconds, &microseconds)) break;
    const std::int64_t milliseconds = microseconds / 1'000 + (microseconds % 1'000 != 0 ? 1 : 0);
    if (milliseconds > std::numeric_limits<int>::max()) break;
    return std::chrono::milliseconds(milliseconds);
  }
  reject_option(option, text, rule);
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

Config config_without_defaults() {
  Config config;
  config.host.clear();
  config.port = 0;
  config.database.clear();
  config.user.clear();
  return config;
}

}  // namespace detail

void Config::validate() const {
  detail::forbid_nul("host", host);
  detail::forbid_nul("database", database);
  detail::forbid_nul("user", user);
  detail::forbid_nul("password", password);
  if (port < 0 || port > 65535)
    detail::reject_option("port", std::to_string(port), "it must be from 1 to 65535, or 0");
  detail::check_sslmode(sslmode);
  for (const auto& [key, value] : options) {
    if (!detail::is_conninfo_keyword(key) && !detail::is_setting_name(key)) {
      detail::reject_option("options", key,
                            "it must be a keyword of libpq, or a server setting of a-z, 0-9, '_' and '.', "
                            "not beginning with a digit or '.'");
    }
    detail::forbid_nul(key, value);
    if (key == "sslmode") detail::check_sslmode(value);
    if (key == "port") {
      Config ignored;
      detail::set_ports(ignored, key, value);
    }
  }
  if (statement_timeout &&
      (statement_timeout->count() < 0 || statement_timeout->count() > std::numeric_limits<int>::max())) {
    detail::reject_option("statement_timeout", fmt::format("{} ms", statement_timeout->count()),
                          "it must be from 0 to 2147483647 ms");
  }
}

std::vector<std::pair<std::string, std::string>> Config::keywords() const {
  validate();
  std::vector<std::pair<std::string, std::string>> result;
  const auto add = [&](const char* keyword, const std::string& value) {
    if (!value.empty() && !options.contains(keyword)) result.emplace_back(keyword, value);
  };
  add("host", host);
  if (port != 0) add("port", std::to_string(port));
  add("dbname", database);
  add("user", user);
  add("password", password);
  add("sslmode", sslmode);

  std::string settings;
  if (statement_timeout && !options.contains("statement_timeout")) {
    detail::append_setting(settings, "statement_timeout", std::to_string(statement_timeout->count()));
  }
  for (const auto& [key, value] : options) {
    if (!detail::is_conninfo_keyword(key)) {
      detail::append_setting(settings, key, value);
    } else if (key != "options" && !value.empty()) {
      result.emplace_back(key, value);
    }
  }
  const auto given = options.find("options");
  std::string text = given != options.end() ? given->second : std::string();
  if (!settings.empty()) {
    if (given == options.end()) text = detail::environment("PGOPTIONS");
    if (!text.empty()) text += ' ';
    text += settings;
  }
  if (!text.empty()) result.emplace_back("options", std::move(text));
  return result;
}

}  // namespace copg
