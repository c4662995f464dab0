#include <copg/codec/parts.hpp>

#include <fmt/format.h>

namespace copg::detail {
namespace {

/// Steps over what stands for one character, and returns that; `quoted` changes at a quote. Nothing: it was a
/// quote.
std::optional<char> take_character(std::string_view text, std::size_t& position, bool& quoted) {
  const char c = text[position++];
  if (c == '\\' && position < text.size()) return text[position++];
  if (c != '"') return c;
  if (quoted && position < text.size() && text[position] == '"') return text[position++];
  quoted = !quoted;
  return std::nullopt;
}

}  // namespace

char PartReader::step_over(char a, char b) {
  if (done() || (text_[position_] != a && text_[position_] != b)) fail();
  return text_[position_++];
}

std::optional<std::string_view> PartReader::part(char end) {
  scratch_.clear();
  if (done()) fail();
  if (text_[position_] == end) return ++position_, std::nullopt;
  bool quoted = false;
  while (quoted || text_[position_] != end) {
    if (const auto c = take_character(text_, position_, quoted)) scratch_ += *c;
    if (done()) fail();
  }
  ++position_;
  return scratch_;
}

char PartReader::end_of_next(char a, char b) const {
  bool quoted = false;
  for (std::size_t at = position_; at < text_.size();) {
    if (!quoted && (text_[at] == a || text_[at] == b)) return text_[at];
    static_cast<void>(take_character(text_, at, quoted));
  }
  fail();
}

void PartReader::fail() const { reject_text("not a composite value, range or multirange", text_); }

void append_part(std::string_view part, Buffer& out) {
  out.push_back('"');
  for (const char c : part) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void reject_null_part(std::string_view what) {
  throw DataError(fmt::format("{} is NULL: read it as a std::optional", what));
}

}  // namespace copg::detail
