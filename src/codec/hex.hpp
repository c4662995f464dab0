// Hexadecimal digits, for UUIDs and bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace copg::detail {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

/// Appends two digits for each byte. `out` is a std::string or a Buffer.
template <class Out>
void append_hex(std::span<const std::byte> bytes, Out& out) {
  for (const std::byte byte : bytes) {
    out.push_back(hex_digits[std::to_integer<std::size_t>(byte >> 4)]);
    out.push_back(hex_digits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
}

/// -1 if `c` is none.
constexpr int hex_value(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace copg::detail
