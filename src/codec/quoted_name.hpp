// Names in SQL text.
#pragma once

#include <string>
#include <string_view>

namespace copg::detail {

/// Appends one name of the database in double quotes, in which those that it holds are doubled. `name` is not
/// empty and holds no NUL: PostgreSQL has no such names.
inline void append_quoted_name(std::string_view name, std::string& out) {
  out += '"';
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace copg::detail
