// set_config(..., true) does what SET LOCAL does, but takes parameters.
#include "pq/beginning.hpp"

#include <copg/error.hpp>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "sql/lexer.hpp"
#include "sql/path_effect.hpp"

namespace copg::pq {
namespace {

std::string begin_command(const TransactionOptions& options) {
  constexpr std::array<std::string_view, 4> levels = {"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ",
                                                      "SERIALIZABLE"};
  std::string command = "BEGIN";
  if (options.isolation) {
    const auto level = static_cast<std::size_t>(*options.isolation);
    if (level >= levels.size()) throw UsageError("an isolation must be one of copg::Isolation's four");
    command.append(" ISOLATION LEVEL ").append(levels[level]);
  }
  if (options.read_only) command += " READ ONLY";
  if (options.deferrable) command += " DEFERRABLE";
  return command;
}

/// transaction_read_only, or the session's default for it.
bool says_read_only(std::string_view setting) noexcept {
  constexpr std::string_view end = "read_only";
  return setting.size() >= end.size() && sql::is_word(setting.substr(setting.size() - end.size()), end);
}

bool wants_no_write(const TransactionOptions& options) noexcept {
  return options.read_only ||
         std::ranges::any_of(options.settings, [](const auto& it) { return says_read_only(it.first); });
}

}  // namespace

void add_setting(LocalSettings& settings, std::string_view name, std::optional<std::string_view> value) {
  if (name.find('\0') != std::string_view::npos || (value && value->find('\0') != std::string_view::npos))
    throw UsageError("a setting of a transaction holds a NUL character: " +
                     std::string(name.substr(0, name.find('\0'))));
  const std::string first = std::to_string(settings.params.size() + 1);
  const std::string second = std::to_string(settings.params.size() + 2);
  settings.sql += settings.sql.empty() ? "SELECT " : ", ";
  settings.sql.append("pg_catalog.set_config($").append(first).append(", $").append(second).append(", true)");
  settings.params.add(name).add(value);
  settings.changes_names = settings.changes_names || sql::path_setting(name) != sql::PathSetting::other;
}

LocalSettings local_settings(const TransactionOptions& options) {
  LocalSettings settings;
  for (const auto& [name, value] : options.settings) {
    if (name.empty()) throw UsageError("a setting of a transaction has no name");
    add_setting(settings, name, value);
  }
  if (!options.role.empty()) add_setting(settings, "role", options.role);
  return settings;
}

OwnBeginning::OwnBeginning(const TransactionOptions& options)
    : command_(begin_command(options)),
      settings_(local_settings(options)),
      beginning_({.command = command_.c_str(),
                  .read_only = wants_no_write(options),
                  .settings = settings_.sql.empty() ? nullptr : &settings_,
                  .resolve_commit = options.resolve_commit}) {}

}  // namespace copg::pq
