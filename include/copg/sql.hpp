// SQL text, and the place in the program that gave it.
#pragma once

#include <copg/source_location.hpp>

#include <concepts>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Any string converts to it where a call takes SQL; you need not name this type. The text is not copied: it
/// must live until the call returns. Placeholders are PostgreSQL's own: $1, $2, ... A PoolTimeout shows the
/// place of those who hold a connection.
class Sql {
 public:
  template <std::convertible_to<std::string_view> Text>
  Sql(const Text& text,  // NOLINT(google-explicit-constructor): a string is SQL text here
      const SourceLocation& where = SourceLocation::current())
      : text_(text), where_(where) {}

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] const SourceLocation& where() const noexcept { return where_; }

 private:
  std::string_view text_;
  SourceLocation where_;
};

}  // namespace copg
#pragma GCC visibility pop
