// UUIDs to and from text.
#include <copg/uuid.hpp>

#include "codec/hex.hpp"

namespace copg {

std::optional<Uuid> Uuid::parse(std::string_view text) noexcept {
  if (text.size() >= 2 && text.front() == '{' && text.back() == '}') text = text.substr(1, text.size() - 2);
  Uuid uuid;
  std::size_t digits = 0;
  bool after_hyphen = false;
  for (const char c : text) {
    if (c == '-') {
      // string_to_uuid in the server's uuid.c: a hyphen only between groups of four
      if (after_hyphen || digits == 0 || digits % 4 != 0 || digits == 32) return std::nullopt;
      after_hyphen = true;
      continue;
    }
    after_hyphen = false;
    const int value = detail::hex_value(c);
    if (value < 0 || digits == 32) return std::nullopt;
    std::uint8_t& byte = uuid.bytes[digits / 2];
    byte = static_cast<std::uint8_t>((byte << 4) | value);
    ++digits;
  }
  if (digits != 32) return std::nullopt;
  return uuid;
}

std::string Uuid::to_string() const {
  std::string text;
  text.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += detail::hex_digits[bytes[i] >> 4];
    text += detail::hex_digits[bytes[i] & 15];
  }
  return text;
}

}  // namespace copg
