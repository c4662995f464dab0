// A placeholder is a percent sign in a symbol, which is to say outside of quotes and comments. Behind it the
// tokens begin anew.
#include "python/native/placeholders.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "python/native/call_errors.hpp"
#include "sql/lexer.hpp"
#include "sql/text_traits.hpp"

namespace copg::python {
namespace {

constexpr bool continues_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

class Rewriter {
 public:
  explicit Rewriter(std::string_view sql) : sql_(sql) { result_.sql.reserve(sql.size()); }

  RewrittenText run() {
    sql::Lexer lexer(sql_);
    while (const sql::Token token = lexer.next()) {
      const auto begin = static_cast<std::size_t>(token.text.data() - sql_.data());
      if (is_literal(token.kind)) {
        copy_until(begin);
        copy_literal(begin + token.text.size());
      } else if (const std::size_t percent = token.text.find('%'); percent != std::string_view::npos) {
        copy_until(begin + percent);
        placeholder();
        lexer = sql::Lexer(sql_, at_);
      }
    }
    copy_until(sql_.size());
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
  static constexpr bool is_literal(sql::TokenKind kind) noexcept {
    return kind == sql::TokenKind::string || kind == sql::TokenKind::quoted_name ||
           kind == sql::TokenKind::comment;
  }
  void copy_until(std::size_t end) {
    result_.sql.append(sql_.substr(at_, end - at_));
    at_ = end;
  }
  /// Text in which placeholders mean nothing; of a doubled percent sign one is kept.
  void copy_literal(std::size_t end) {
    const std::string_view literal = sql_.substr(0, end);
    for (std::size_t at = literal.find("%%", at_); at != std::string_view::npos;
         at = literal.find("%%", at_)) {
      copy_until(at);
      note_place(0, at_, 2, result_.sql.size(), 1);
      result_.sql += '%';
      at_ += 2;
    }
    copy_until(end);
  }

  void placeholder() {
    const char kind = peek(1);
    if (kind == '%') return copy_literal(at_ + 2);
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

  /// A letter or a digit beside it would belong to it, or it to the word before it.
  void put(std::size_t number, std::size_t begin) {
    if (!result_.sql.empty() && sql::continues_word(result_.sql.back())) result_.sql += ' ';
    const std::size_t sent = result_.sql.size();
    result_.sql += fmt::format("${}", number);
    if (sql::continues_word(peek())) result_.sql += ' ';
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
