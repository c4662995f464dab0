// An SQL text as an error shows it: on one line, and no longer than a person reads. Texts are taken for
// UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace copg {

/// The text on one line: white space folded, cut after `shown_characters`.
[[nodiscard]] std::string on_one_line(std::string_view sql);

/// "LINE 3: ... WHERE nmae = $1", and on a line of its own a caret below the `position`th character of the
/// text, counted from 1 as the server counts. Empty if the text has no such place.
[[nodiscard]] std::string pointed_at(std::string_view sql, int position);

/// Where the `position`th character begins, counted from 1, in bytes; npos if the text has no such place.
[[nodiscard]] std::size_t byte_of(std::string_view sql, int position) noexcept;
/// The character that begins at, or holds, that byte, counted from 1.
[[nodiscard]] int character_at(std::string_view sql, std::size_t byte) noexcept;

inline constexpr int shown_characters = 100;

}  // namespace copg
