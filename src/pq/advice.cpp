// By the SQLSTATE, and by what stands at the position that the server names.
#include "pq/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <vector>

#include "error/shown_sql.hpp"
#include "pq/errors.hpp"
#include "pq/placeholders.hpp"
#include "sql/lexer.hpp"
#include "sql/text_traits.hpp"

namespace copg::pq {
namespace {

bool is_letter(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string upper(std::string_view word) {
  std::string text(word);
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
  return text;
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

/// The word that ends the text.
std::string last_word(std::string_view text) {
  text = trimmed(text);
  std::size_t begin = text.size();
  while (begin > 0 && is_letter(text[begin - 1])) --begin;
  return upper(text.substr(begin));
}

/// The number of the $n in a message; 0 if there is none.
int number_in(std::string_view message) noexcept {
  int number = 0;
  const std::size_t dollar = message.find('$');
  if (dollar != std::string_view::npos)
    std::from_chars(message.data() + dollar + 1, message.data() + message.size(), number);
  return number;
}

class Adviser {
 public:
  Adviser(const ErrorInfo& info, const Wording& words)
      : info_(info),
        words_(words),
        sql_(info.query),
        at_(byte_of(sql_, info.statement_position)),
        traits_(sql::text_traits(sql_)),
        placeholders_(placeholders_in(sql_)) {}

  [[nodiscard]] std::string advice() const {
    const std::string state = info_.sqlstate.text();
    if (info_.kind == ErrorKind::usage) return on_usage();
    if (info_.kind != ErrorKind::query_failed) return {};
    if (state == "42P18" || state == "42P08" || state == "42883" || state == "42725")
      return say_type_of(subject());
    if (state == "42601") return on_syntax();
    if (state == "42P02") return on_unknown();
    if (state == "08P01") return placeholders_.empty() ? "" : words_.on_wrong_number();
    return {};
  }

  [[nodiscard]] int subject() const {
    const std::string state = info_.sqlstate.text();
    if (state == "42P18" || state == "42P08") return number_in(info_.message);
    if (state == "42883" || state == "42725") return operand_at_place();
    const auto here = std::ranges::find(placeholders_, at_, &Placeholder::at);
    if (here != placeholders_.end()) return here->number;
    // A value that its type does not take: the last line tells of which parameter.
    const std::string_view context = info_.context;
    return info_.statement_position > 0 ? 0 : number_in(context.substr(context.rfind('\n') + 1));
  }

 private:
  [[nodiscard]] std::string on_usage() const {
    if (info_.message == still_busy || info_.message.ends_with(still_open)) return {};
    if (traits_.copies) return words_.on_copy();
    return traits_.parameters > 0 ? words_.on_wrong_number() : "";
  }

  [[nodiscard]] std::string say_type_of(int number) const {
    if (number == 0) return {};
    return fmt::format("Say the type of {}, as in {}::text.", words_.which(number), words_.written(number));
  }

  /// That of an operator, or of a function, at the place. 0: it has none.
  [[nodiscard]] int operand_at_place() const {
    if (at_ == std::string_view::npos || at_ >= sql_.size()) return 0;
    const bool function = is_letter(sql_[at_]) || sql_[at_] == '"';
    for (const Placeholder& placeholder : placeholders_) {
      const std::size_t end = placeholder.at + placeholder.size;
      if (function ? is_argument(placeholder.at) : is_beside(placeholder.at, end)) return placeholder.number;
    }
    return 0;
  }

  /// In the parentheses that follow the place.
  [[nodiscard]] bool is_argument(std::size_t placeholder) const {
    const std::size_t open = sql_.find('(', at_);
    if (open == std::string_view::npos || placeholder < open) return false;
    int depth = 0;
    for (const char c : sql_.substr(open, placeholder - open)) {
      if (c == '(') ++depth;
      if (c == ')' && --depth == 0) return false;
    }
    return true;
  }

  /// Nothing but the operator stands between them.
  [[nodiscard]] bool is_beside(std::size_t begin, std::size_t end) const {
    constexpr std::string_view operator_or_space = "+-*/<>=~!@#%^&|`? \t\r\n";
    const std::string_view between =
        end <= at_ ? sql_.substr(end, at_ - end) : sql_.substr(at_, std::max(begin, at_) - at_);
    return between.find_first_not_of(operator_or_space) == std::string_view::npos;
  }

  [[nodiscard]] std::string on_syntax() const {
    if (at_ == std::string_view::npos || at_ >= sql_.size()) return {};
    if (sql_[at_] == '%' && at_ + 1 < sql_.size() && (sql_[at_ + 1] == 's' || sql_[at_ + 1] == '('))
      return words_.on_percent();
    const auto here = std::ranges::find(placeholders_, at_, &Placeholder::at);
    if (here == placeholders_.end()) return {};
    const std::string written = words_.written(here->number);
    const std::string_view before = trimmed(sql_.substr(0, at_));
    if (last_word(before) == "IN") {
      const bool negated = last_word(before.substr(0, before.size() - 2)) == "NOT";
      return fmt::format("IN takes no list as one parameter: write {}({}), and give {}.",
                         negated ? "<> ALL" : "= ANY", written, words_.list());
    }
    return on_utility(written);
  }

  [[nodiscard]] std::string on_unknown() const {
    return traits_.parameters >= 0 ? words_.on_wrong_number() : on_utility(words_.written(1));
  }

  struct Assignment {
    std::string name;
    bool local;
  };
  /// What a SET sets; none for SET TRANSACTION and its like.
  [[nodiscard]] std::optional<Assignment> assigned() const {
    sql::Lexer lexer(sql_);
    if (!lexer.next_but_comments().is_word("set")) return std::nullopt;
    sql::Token token = lexer.next_but_comments();
    Assignment set{.name = "", .local = token.is_word("local")};
    if (set.local || token.is_word("session")) token = lexer.next_but_comments();
    set.name = token.text;
    const bool time = token.is_word("time");
    token = lexer.next_but_comments();
    if (time && token.is_word("zone")) return Assignment{.name = "TimeZone", .local = set.local};
    while (token.is('.')) {
      set.name += '.';
      set.name += lexer.next_but_comments().text;
      token = lexer.next_but_comments();
    }
    if (!token.is('=') && !token.is_word("to")) return std::nullopt;
    return set;
  }

  /// Of statements, only those that read or change rows take parameters.
  [[nodiscard]] std::string on_utility(const std::string& written) const {
    if (traits_.parameters >= 0) return "A parameter stands for a value, never for a name or a keyword.";
    const std::string first = upper(sql::Lexer(sql_).next_but_comments().text);
    if (const auto setting = assigned())
      return fmt::format("SET takes no parameters: SELECT set_config('{}', {}, {}).", setting->name, written,
                         setting->local);
    if (first == "NOTIFY")
      return fmt::format(
          "NOTIFY takes no parameters: SELECT pg_notify(channel, payload), with {} for either.", written);
    if (first == "LISTEN" || first == "UNLISTEN")
      return fmt::format("{} takes no parameters: write the name of the channel into the text.", first);
    return fmt::format(
        "{} takes no parameters: write the value into the text; format() of the server quotes it.", first);
  }

  const ErrorInfo& info_;
  const Wording& words_;
  const std::string_view sql_;
  const std::size_t at_;  // of the place, in bytes; npos if there is none
  const sql::TextTraits traits_;
  const std::vector<Placeholder> placeholders_;
};

}  // namespace

std::string Wording::written(int number) const { return fmt::format("${}", number); }
std::string Wording::list() const { return "a std::vector"; }
std::string Wording::on_copy() const { return "Use copy_in or copy_out of a pool or a Connection."; }
std::string Wording::on_percent() const { return "Placeholders are $1, $2, ..."; }

std::string advice_on(const ErrorInfo& info, const Wording& words) {
  return info.query.empty() ? std::string() : Adviser(info, words).advice();
}

int subject_of(const ErrorInfo& info) { return Adviser(info, Wording()).subject(); }

void advise(ErrorInfo& info) { info.advice = advice_on(info, Wording()); }

}  // namespace copg::pq
