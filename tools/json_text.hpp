// Text as JSON has it.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace copg::tools {

/// Quoted and escaped. The text must be UTF-8, which is what comes from the server.
inline std::string json_string(std::string_view text) {
  constexpr unsigned char first_printable = 0x20;
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += '\\';
      result += c;
    } else if (static_cast<unsigned char>(c) < first_printable) {
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      result += c;
    }
  }
  return result + '"';
}

}  // namespace copg::tools
