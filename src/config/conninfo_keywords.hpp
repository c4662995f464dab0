// The keywords of libpq's connection strings, and the environment variables behind them: enough to tell one
// from a server setting without linking libpq. A test compares the table with the libpq that is installed.
#pragma once

#include <span>
#include <string_view>

namespace copg::detail {

struct ConninfoKeyword {
  std::string_view name;
  std::string_view variable;  ///< Empty: none.
  int since = 0;              ///< The first major version of libpq that has it; 0: before 14.
};

std::span<const ConninfoKeyword> conninfo_keywords() noexcept;
bool is_conninfo_keyword(std::string_view name) noexcept;

}  // namespace copg::detail
