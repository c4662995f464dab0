// See harmless_text.hpp.
#include "harmless_text.hpp"

#include <clocale>
#include <cstdint>
#include <cwchar>

namespace copg::tools {
namespace {

constexpr char32_t replacement = 0xFFFD;
constexpr std::string_view replacement_text = "\xEF\xBF\xBD";

/// While it lives, this thread asks for the widths of characters as UTF-8 has them, whatever the user's
/// language is.
class Utf8Widths {
 public:
  Utf8Widths() : before_(::uselocale(utf8())) {}
  Utf8Widths(const Utf8Widths&) = delete;
  Utf8Widths& operator=(const Utf8Widths&) = delete;
  ~Utf8Widths() { ::uselocale(before_); }

 private:
  static locale_t utf8() {
    static const locale_t result = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return result;
  }
  locale_t before_;
};

struct Character {
  char32_t code = replacement;
  std::size_t bytes = 1;
};

/// The first character of `text`, which must not be empty. Overlong and surrogate forms are not UTF-8.
Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  char32_t code = lead & (0xFFU >> (bytes + 1));
  for (std::size_t at = 1; at < bytes; ++at) {
    if ((byte(at) & 0xC0U) != 0x80U) return {};
    code = code << 6U | (byte(at) & 0x3FU);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (code < least[bytes] || code > 0x10FFFF || surrogate) return {};
  return {code, bytes};
}

/// The marks that turn the direction of reading, by which a text can look like another (CVE-2021-42574).
bool turns_direction(char32_t code) {
  return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

int places_of(char32_t code) { return code == replacement ? 1 : ::wcwidth(static_cast<wchar_t>(code)); }

void append_harmless(std::string& result, Character character, std::string_view bytes, Charset charset) {
  const char32_t code = character.code;
  if (code == '\n' || code == '\t' || code == '\r') {
    result += ' ';
  } else if (charset == Charset::ascii && code >= 0x80) {
    result += '?';
  } else if (turns_direction(code) || code == replacement) {
    result += replacement_text;
  } else if (const int width = places_of(code); width > 0) {
    result += bytes;
  } else if (width < 0) {
    result += charset == Charset::ascii ? "?" : replacement_text;
  }
}

}  // namespace

std::string harmless(std::string_view text, Charset charset) {
  const Utf8Widths widths;
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_of(text);
    append_harmless(result, character, text.substr(0, character.bytes), charset);
    text.remove_prefix(character.bytes);
  }
  return result;
}

int width_of(std::string_view text) {
  const Utf8Widths widths;
  int result = 0;
  while (!text.empty()) {
    const Character character = first_of(text);
    result += places_of(character.code);
    text.remove_prefix(character.bytes);
  }
  return result;
}

std::string cut_to(std::string_view text, int width, Charset charset) {
  if (width <= 0) return {};
  if (width_of(text) <= width) return std::string(text);
  const Utf8Widths widths;
  std::size_t end = 0;
  for (int left = width - 1;;) {
    const Character character = first_of(text.substr(end));
    left -= places_of(character.code);
    if (left < 0) break;
    end += character.bytes;
  }
  return std::string(text.substr(0, end)) + (charset == Charset::ascii ? "~" : "…");
}

}  // namespace copg::tools
