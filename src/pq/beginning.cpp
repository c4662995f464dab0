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

class SettingsWriter {
 public:
  void add(std::string_view name, std::string_view value) {
    if (name.find('\0') != std::string_view::npos || value.find('\0') != std::string_view::npos)
      throw UsageError("a setting of a transaction holds a NUL character: " +
                       std::string(name.substr(0, name.find('\0'))));
    const std::string first = std::to_string(made_.params.size() + 1);
    const std::string second = std::to_string(made_.params.size() + 2);
    made_.sql += made_.params.empty() ? "SELECT " : ", ";
    made_.sql.append("pg_catalog.set_config($").append(first).append(", $").append(second).append(", true)");
    made_.params.add(name).add(value);
    made_.changes_names = made_.changes_names || sql::path_setting(name) != sql::PathSetting::other;
  }
  [[nodiscard]] LocalSettings take() { return std::move(made_); }

 private:
  LocalSettings made_;
};

}  // namespace

LocalSettings local_settings(const TransactionOptions& options) {
  SettingsWriter writer;
  for (const auto& [name, value] : options.settings) {
    if (name.empty()) throw UsageError("a setting of a transaction has no name");
    writer.add(name, value);
  }
  if (!options.role.empty()) writer.add("role", options.role);
  return writer.take();
}

OwnBeginning::OwnBeginning(const TransactionOptions& options)
    : command_(begin_command(options)),
      settings_(local_settings(options)),
      beginning_({.command = command_.c_str(),
                  .read_only = wants_no_write(options),
                  .settings = settings_.sql.empty() ? nullptr : &settings_}) {}

}  // namespace copg::pq
