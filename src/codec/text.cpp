// Strings and bytes to and from text.
#include <copg/codec/text.hpp>

#include <fmt/format.h>

#include "codec/hex.hpp"

namespace copg {
namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

/// bytea_output = hex: after the \x, two digits a byte.
std::vector<std::byte> decode_hex(std::string_view digits, std::string_view text) {
  if (digits.size() % 2 != 0) detail::reject_text("not a bytea", text);
  std::vector<std::byte> bytes(digits.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = detail::hex_value(digits[2 * i]);
    const int low = detail::hex_value(digits[2 * i + 1]);
    if (high < 0 || low < 0) detail::reject_text("not a bytea", text);
    bytes[i] = static_cast<std::byte>(high * 16 + low);
  }
  return bytes;
}

/// bytea_output = escape: a backslash is doubled, what can't be printed is a backslash and three octal
/// digits.
std::vector<std::byte> decode_escaped(std::string_view text) {
  std::vector<std::byte> bytes;
  bytes.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      bytes.push_back(static_cast<std::byte>(text[i]));
    } else if (text.substr(i + 1, 1) == "\\") {
      bytes.push_back(std::byte{'\\'});
      i += 1;
    } else if (i + 3 < text.size() && text[i + 1] <= '3' && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
               is_octal(text[i + 3])) {
      bytes.push_back(
          static_cast<std::byte>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0'));
      i += 3;
    } else {
      detail::reject_text("not a bytea", text);
    }
  }
  return bytes;
}

}  // namespace

void Codec<std::string_view>::encode(std::string_view value, Buffer& out) {
  if (const std::size_t nul = value.find('\0'); nul != std::string_view::npos) {
    throw DataError(
        fmt::format("a string with a NUL at byte {} can't be sent: PostgreSQL's text holds none; "
                    "send std::byte as bytea instead",
                    nul));
  }
  out.append(value);
}

namespace detail {

void reject_text(std::string_view what, std::string_view text) {
  constexpr std::size_t shown = 60;
  throw DataError(text.size() <= shown ? fmt::format("{}: '{}'", what, text)
                                       : fmt::format("{}: '{}...'", what, text.substr(0, shown)));
}

void reject_byte_count(std::size_t wanted, std::size_t given) {
  throw DataError(fmt::format("{} bytes where {} are wanted", given, wanted));
}

void encode_bytes(std::span<const std::byte> value, Buffer& out) {
  out.append("\\x");
  append_hex(value, out);
}

std::vector<std::byte> decode_bytes(std::string_view text) {
  return text.starts_with("\\x") ? decode_hex(text.substr(2), text) : decode_escaped(text);
}

}  // namespace detail
}  // namespace copg
