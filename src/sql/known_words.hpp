// Words that may stand before a parenthesis without calling anything that could change the session.
#pragma once

#include <string_view>

namespace copg::sql {

/// A keyword, a type, or a function of the server's or of a module that comes with it, none of which changes
/// a setting, runs a text that it is given, or calls a function of the user's. Any other word may be the name
/// of one that does.
[[nodiscard]] bool is_known_word(std::string_view word) noexcept;

}  // namespace copg::sql
