// Texts of others, such as statements and names of applications, on a terminal: nothing in them may move the
// cursor, change colours, or make a line wider than it says.
#pragma once

#include <string>
#include <string_view>

namespace copg::tools {

/// What a terminal can show: all of UTF-8, or ASCII alone.
enum class Charset { utf8, ascii };

/// On one line, without control characters, what reverses the direction of reading, and bytes that are not
/// UTF-8: each is shown as U+FFFD; characters without a width are left out. In ASCII all others than ASCII's
/// are "?".
std::string harmless(std::string_view text, Charset charset = Charset::utf8);

/// The places that a text from `harmless` takes.
int width_of(std::string_view text);

/// The beginning of a text from `harmless` that takes at most `width` places; what is cut ends with "…", or
/// "~" in a text of ASCII.
std::string cut_to(std::string_view text, int width, Charset charset = Charset::utf8);

}  // namespace copg::tools
