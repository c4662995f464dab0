// Names from outside in SQL text.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

std::string quoted_names(std::initializer_list<std::string_view> names);

}  // namespace detail

/// Returns a name of the database in double quotes, for SQL text; of several the qualified one. Values belong
/// beside the text, as parameters; a list of them is a vector (`= ANY($1)`).
///
/// ```cpp
///     std::string column = "created at";
///     auto newest = db.execute("SELECT max(" + copg::identifier(column) + ") FROM " +
///                              copg::identifier("public", "jobs"));
/// ```
///
/// A quoted name keeps its case: identifier("Jobs") is not the table jobs. PostgreSQL cuts names after 63
/// bytes. DataError for an empty name, and for one with a NUL, which PostgreSQL does not have.
template <std::convertible_to<std::string_view>... Names>
requires(sizeof...(Names) > 0) [[nodiscard]] std::string identifier(const Names&... names) {
  return detail::quoted_names({std::string_view(names)...});
}

}  // namespace copg
#pragma GCC visibility pop
