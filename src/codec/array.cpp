// The text of arrays: PostgreSQL's docs 8.15.6.
#include <copg/codec/array.hpp>

#include <fmt/format.h>

namespace copg::detail {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// What the server's array_out quotes, and spaces. Cheap to over-quote, wrong to under-quote.
bool needs_quotes(std::string_view element) {
  if (element.empty()) return true;
  if (element.size() == 4 && (element[0] | 32) == 'n' && (element[1] | 32) == 'u' &&
      (element[2] | 32) == 'l' && (element[3] | 32) == 'l') {
    return true;
  }
  for (const char c : element) {
    if (is_space(c) || c == '{' || c == '}' || c == ',' || c == '"' || c == '\\') return true;
  }
  return false;
}

}  // namespace

ArrayReader::ArrayReader(std::string_view text) : text_(text) {
  // Bounds other than 1 come first: [0:2][-1:0]={...}
  if (text_.starts_with('[')) {
    const std::size_t equals = text_.find('=');
    if (equals == std::string_view::npos ||
        text_.substr(0, equals).find_first_not_of("[]:+-0123456789") != std::string_view::npos) {
      fail();
    }
    position_ = equals + 1;
  }
}

bool ArrayReader::open() {
  if (position_ == text_.size() || text_[position_] != '{') return false;
  ++position_;
  return true;
}

bool ArrayReader::close(bool first) {
  if (position_ == text_.size()) fail();
  const char c = text_[position_];
  if (c == '}') return ++position_, true;
  if (first) return false;
  if (c != ',') fail();
  ++position_;
  return false;
}

std::optional<std::string_view> ArrayReader::element() {
  scratch_.clear();
  if (position_ == text_.size()) fail();
  if (text_[position_] != '"') {
    const std::size_t begin = position_;
    while (position_ < text_.size() && text_[position_] != ',' && text_[position_] != '}') {
      if (text_[position_] == '{' || text_[position_] == '"' || text_[position_] == '\\') fail();
      ++position_;
    }
    const std::string_view plain = text_.substr(begin, position_ - begin);
    if (plain.empty()) fail();
    if (plain == "NULL") return std::nullopt;
    return plain;
  }
  for (++position_; position_ < text_.size(); ++position_) {
    if (text_[position_] == '"') return ++position_, std::string_view(scratch_);
    if (text_[position_] == '\\' && ++position_ == text_.size()) break;
    scratch_ += text_[position_];
  }
  fail();
}

void ArrayReader::end() const {
  if (position_ != text_.size()) fail();
}

void ArrayReader::fail() const { reject_text("not an array of that shape", text_); }

void append_array_element(std::string_view element, Buffer& out) {
  if (!needs_quotes(element)) return out.append(element);
  out.push_back('"');
  for (const char c : element) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void reject_ragged_array(std::size_t first, std::size_t other) {
  throw DataError(
      fmt::format("an array's rows must be of equal length: one has {} elements, another {}", first, other));
}

void reject_null_element() {
  throw DataError("the array holds a NULL: read it as a vector of std::optional");
}

}  // namespace copg::detail
