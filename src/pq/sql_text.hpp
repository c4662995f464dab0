// Where comments and strings end, for the reader of placeholders.
#pragma once

#include <cstddef>
#include <string_view>

namespace copg::pq {

/// Of the line with `at` in it, and so of a line comment: before either character that ends one.
[[nodiscard]] std::size_t end_of_line(std::string_view sql, std::size_t at) noexcept;

/// Behind the closing quote of a string constant: the quote that opens its next part, npos if it has none.
/// Parts stand on different lines, with white space and line comments alone between them, and follow the
/// rules of the first.
[[nodiscard]] std::size_t next_part_of_string(std::string_view sql, std::size_t at) noexcept;

}  // namespace copg::pq
