#include "monitor/json.hpp"

#include <cstddef>

namespace copg::monitor {

namespace {

/// Bytes of the character of UTF-8 at the beginning of `text`, which is not empty; 0: it is none (RFC 3629).
std::size_t character(std::string_view text) noexcept {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i, unsigned least = 0x80, unsigned most = 0xBF) {
    return at(i) >= least && at(i) <= most;
  };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned least = first == 0xE0 ? 0xA0U : 0x80U;  // no longer than needed
    const unsigned most = first == 0xED ? 0x9FU : 0xBFU;   // no surrogate
    return follows(1, least, most) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned least = first == 0xF0 ? 0x90U : 0x80U;
    const unsigned most = first == 0xF4 ? 0x8FU : 0xBFU;  // no higher than U+10FFFF
    return follows(1, least, most) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

void Json::quote(std::string_view text) {
  text_ += '"';
  while (!text.empty()) {
    const char first = text.front();
    const std::size_t size = character(text);
    if (size == 0) {
      text_ += "\xEF\xBF\xBD";
    } else if (first == '"' || first == '\\') {
      text_ += '\\';
      text_ += first;
    } else if (static_cast<unsigned char>(first) < 0x20 || first == 0x7F) {
      fmt::format_to(std::back_inserter(text_), "\\u{:04x}", static_cast<unsigned>(first));
    } else {
      text_ += text.substr(0, size);
    }
    text.remove_prefix(size == 0 ? 1 : size);
  }
  text_ += '"';
}

}  // namespace copg::monitor
