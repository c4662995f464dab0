// The page, as one text: page.html, with its style and its script, put together when the library is built.
#pragma once

#include <string_view>

namespace copg::monitor {

/// Stands in the text wherever the nonce of its policy belongs.
inline constexpr std::string_view page_nonce = "@NONCE@";
extern const std::string_view page_text;

}  // namespace copg::monitor
