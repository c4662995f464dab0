// COPY's text format (PostgreSQL's documentation of COPY, "Text Format"), and the text of its statement.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace copg::detail {

inline constexpr std::string_view copy_null = "\\N";

/// Appends a value. What would end it, or the row, is written with a backslash.
void append_copy_value(std::string_view text, std::string& out);

/// Whether append_copy_value would write any character otherwise.
[[nodiscard]] bool needs_copy_escape(std::string_view text) noexcept;

/// COPY "app"."jobs" ("id", "name") FROM STDIN, and `options` behind it.
[[nodiscard]] std::string copy_in_text(std::string_view table, const std::vector<std::string>& columns,
                                       std::string_view options);
/// "app"."jobs", of app.jobs. UsageError for a name that is empty or holds a NUL.
[[nodiscard]] std::string quoted_table(std::string_view table);

}  // namespace copg::detail
