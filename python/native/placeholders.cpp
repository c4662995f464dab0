// One pass over the text by PostgreSQL's lexical rules (documentation 4.1).
#include "python/native/placeholders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pq/sql_text.hpp"
#include "python/native/mistakes.hpp"
#include "sql/text_traits.hpp"

namespace copg::python {
namespace {

constexpr bool is_word_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

constexpr bool continues_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

class Rewriter {
 public:
  explicit Rewriter(std::string_view sql) : sql_(sql) { result_.sql.reserve(sql.size()); }

  RewrittenText run() {
    while (at_ < sql_.size()) step();
    result_.count = result_.style == RewrittenText::Style::named ? result_.names.size() : positional_;
    return std::move(result_);
  }
  /// Fills in the places.
  void note_places_in(std::vector<RewrittenPlace>& places) noexcept { places_ = &places; }

 private:
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }
  /// So many bytes from here, for a message, and what is left of the character that they end in.
  [[nodiscard]] std::string_view shown(std::size_t bytes) const noexcept {
    std::size_t end = std::min(at_ + bytes, sql_.size());
    while (end < sql_.size() && continues_character(sql_[end])) ++end;
    return sql_.substr(at_, end - at_);
  }
  void copy(std::size_t bytes) {
    result_.sql.append(sql_.substr(at_, bytes));
    at_ = std::min(at_ + bytes, sql_.size());
  }

  void step() {
    const char c = peek();
    if (c == '%') return placeholder();
    if (c == '\'' || c == '"') return copy_quoted(c, false);
    if (c == '$') return copy_dollar();
    if (c == '-' && peek(1) == '-') return copy_until(pq::end_of_line(sql_, at_));
    if (c == '/' && peek(1) == '*') return copy_until(end_of_block_comment());
    if (is_word_byte(c)) return copy_word();
    copy(1);
  }

  /// A word may hold dollar signs, which then quote nothing.
  void copy_word() {
    const std::size_t begin = at_;
    while (is_word_byte(peek()) || (peek() == '$' && at_ > begin)) copy(1);
    const std::string_view word = sql_.substr(begin, at_ - begin);
    if (peek() == '\'' && (word == "E" || word == "e")) copy_escape_string();
  }

  void copy_escape_string() {
    for (std::size_t part = at_; part != std::string_view::npos; part = pq::next_part_of_string(sql_, at_)) {
      copy_until(part);
      copy_quoted('\'', true);
    }
  }

  void copy_quoted(char quote, bool backslashes) {
    copy(1);
    while (at_ < sql_.size()) {
      const char c = peek();
      if (backslashes && c == '\\') {
        copy(2);
        continue;
      }
      copy_literal();
      if (c != quote) continue;
      if (peek() != quote) return;
      copy(1);
    }
  }

  void copy_dollar() {
    std::size_t end = at_ + 1;
    while (end < sql_.size() && is_word_byte(sql_[end])) ++end;
    const bool parameter = end > at_ + 1 && sql_[at_ + 1] >= '0' && sql_[at_ + 1] <= '9';
    if (parameter || end >= sql_.size() || sql_[end] != '$') return copy(1);
    const std::string_view tag = sql_.substr(at_, end + 1 - at_);
    const std::size_t close = sql_.find(tag, end + 1);
    copy_until(close == std::string_view::npos ? sql_.size() : close + tag.size());
  }

  [[nodiscard]] std::size_t end_of_block_comment() const noexcept {
    int depth = 0;
    for (std::size_t i = at_; i < sql_.size(); ++i) {
      const std::string_view two = sql_.substr(i, 2);
      if (two == "/*") {
        ++depth;
        ++i;
      } else if (two == "*/") {
        ++i;
        if (--depth == 0) return i + 1;
      }
    }
    return sql_.size();
  }

  void copy_until(std::size_t end) {
    while (at_ < end) copy_literal();
  }

  /// One byte in which placeholders mean nothing; of a doubled percent sign one is kept.
  void copy_literal() {
    if (peek() == '%' && peek(1) == '%') {
      note_place(0, at_, 2, result_.sql.size(), 1);
      ++at_;
    }
    copy(1);
  }

  void placeholder() {
    const char kind = peek(1);
    if (kind == '%') return copy_literal();
    if (kind == '(') return named();
    if (kind != 's' && kind != 'b' && kind != 't') {
      if (kind == '\0')
        reject("incomplete placeholder: '%' at the end of the query; double a percent sign to mean itself");
      reject(fmt::format(
          "'{}' is no placeholder: there are %s and %(name)s; double a percent sign to mean itself",
          shown(2)));
    }
    use(RewrittenText::Style::positional);
    const std::size_t begin = std::exchange(at_, at_ + 2);
    put(++positional_, begin);
  }

  void named() {
    const std::size_t close = sql_.find(')', at_);
    if (close == std::string_view::npos || close + 1 >= sql_.size())
      reject(fmt::format("incomplete placeholder: '{}'", shown(20)));
    const char kind = sql_[close + 1];
    if (kind != 's' && kind != 'b' && kind != 't')
      reject(fmt::format("'{}' is no placeholder: %(name) must be followed by s", shown(close + 2 - at_)));
    use(RewrittenText::Style::named);
    const std::string name(sql_.substr(at_ + 2, close - at_ - 2));
    const std::size_t begin = std::exchange(at_, close + 2);
    auto& names = result_.names;
    const auto found = std::find(names.begin(), names.end(), name);
    const auto number = static_cast<std::size_t>(found - names.begin()) + 1;
    if (found == names.end()) names.push_back(name);
    put(number, begin);
  }

  void use(RewrittenText::Style style) {
    if (result_.style != RewrittenText::Style::none && result_.style != style)
      reject("positional (%s) and named (%(name)s) placeholders cannot be mixed in one query");
    result_.style = style;
  }

  /// A digit that follows would belong to the number.
  void put(std::size_t number, std::size_t begin) {
    const std::size_t sent = result_.sql.size();
    result_.sql += fmt::format("${}", number);
    if (peek() >= '0' && peek() <= '9') result_.sql += ' ';
    note_place(static_cast<int>(number), begin, at_ - begin, sent, result_.sql.size() - sent);
  }

  void note_place(int number, std::size_t written, std::size_t written_size, std::size_t sent,
                  std::size_t sent_size) {
    if (places_ != nullptr) places_->push_back({number, written, written_size, sent, sent_size});
  }

  [[noreturn]] static void reject(std::string message) { throw ProgrammingMistake(std::move(message)); }

  std::string_view sql_;
  std::size_t at_ = 0;
  std::size_t positional_ = 0;
  RewrittenText result_;
  std::vector<RewrittenPlace>* places_ = nullptr;
};

}  // namespace

RewrittenText rewrite_placeholders(std::string_view sql) {
  RewrittenText result = Rewriter(sql).run();
  if (sql::text_traits(result.sql).several)
    throw ProgrammingMistake(
        "several statements cannot be given parameters: execute them one by one, or without");
  return result;
}

std::vector<RewrittenPlace> rewritten_places(std::string_view sql) {
  std::vector<RewrittenPlace> places;
  Rewriter rewriter(sql);
  rewriter.note_places_in(places);
  (void)rewriter.run();
  return places;
}

}  // namespace copg::python
