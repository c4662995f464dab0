// Hexadecimal digits, for UUIDs and bytes.
#pragma once

#include <string_view>

namespace copg::detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

/// -1 if `c` is none.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace copg::detail
