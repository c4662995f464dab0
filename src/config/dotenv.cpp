// A reader of .env files, one character at a time. It must never show a value in a message.
#include "config/dotenv.hpp"

#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <system_error>

namespace copg::detail {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

class DotenvReader {
 public:
  DotenvReader(std::string_view text, std::string_view file) : text_(text), file_(file) {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text_.starts_with(byte_order_mark)) position_ = byte_order_mark.size();
  }

  Variables read() {
    Variables variables;
    while (position_ < text_.size()) {
      skip_blanks();
      if (at_end_of_line()) {
        end_line();
        continue;
      }
      if (text_.substr(position_).starts_with("export") && is_blank(position_ + 6)) {
        position_ += 6;
        skip_blanks();
      }
      std::string key = read_key();
      skip_blanks();
      if (at_end_of_line()) {
        end_line();
        continue;
      }
      if (text_[position_] != '=') fail("'=' must follow the key");
      ++position_;
      skip_blanks();
      std::string value = read_value();
      skip_blanks();
      if (!at_end_of_line()) fail("nothing but a comment may follow the closing quote");
      end_line();
      variables[std::move(key)] = std::move(value);
    }
    return variables;
  }

 private:
  [[nodiscard]] bool is_blank(std::size_t at) const {
    return at < text_.size() && blanks.find(text_[at]) != std::string_view::npos;
  }
  void skip_blanks() { position_ = std::min(text_.find_first_not_of(blanks, position_), text_.size()); }
  /// At a newline, a comment, or the end of the file.
  [[nodiscard]] bool at_end_of_line() const {
    return position_ == text_.size() || text_[position_] == '\n' || text_[position_] == '#';
  }
  void end_line() {
    position_ = std::min(text_.find('\n', position_), text_.size());
    if (position_ < text_.size()) ++position_, ++line_;
  }

  std::string read_key() {
    const std::size_t begin = position_;
    const auto belongs = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
             c == '.' || c == '-';
    };
    while (position_ < text_.size() && belongs(text_[position_])) ++position_;
    if (position_ == begin) fail("a line must be KEY=VALUE");
    return std::string(text_.substr(begin, position_ - begin));
  }

  std::string read_value() {
    if (position_ == text_.size()) return {};
    const char c = text_[position_];
    return c == '\'' || c == '"' ? read_quoted(c) : read_plain();
  }

  std::string read_plain() {
    const std::size_t end = std::min(text_.find('\n', position_), text_.size());
    std::string_view value = text_.substr(position_, end - position_);
    for (std::size_t hash = value.find('#'); hash != std::string_view::npos;
         hash = value.find('#', hash + 1)) {
      // `position_` stands behind the blanks after '=': a '#' there begins a comment as well.
      if (hash == 0 || blanks.find(value[hash - 1]) != std::string_view::npos) {
        value = value.substr(0, hash);
        break;
      }
    }
    value = value.substr(0, value.find_last_not_of(blanks) + 1);
    position_ = end;
    return std::string(value);
  }

  std::string read_quoted(char quote) {
    const int first_line = line_;
    std::string value;
    for (++position_; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == quote) return ++position_, value;
      if (c == '\n') ++line_;
      if (c == '\\' && position_ + 1 < text_.size()) {
        if (const std::optional<char> meant = escape(text_[position_ + 1], quote)) {
          value += *meant;
          ++position_;
          continue;
        }
      }
      value += c;
    }
    line_ = first_line;
    fail("the closing quote is missing");
  }

  /// What a backslash and `c` stand for; nothing if the backslash means itself.
  static std::optional<char> escape(char c, char quote) {
    if (c == '\\' || c == '\'') return c;
    if (quote == '\'') return std::nullopt;
    switch (c) {
      case 'n': return '\n';
      case 'r': return '\r';
      case 't': return '\t';
      case '"':
      case '$': return c;
      default: return std::nullopt;
    }
  }

  [[noreturn]] void fail(std::string_view rule) const {
    throw ConfigurationError(fmt::format("{}:{}: {}", file_, line_, rule));
  }

  std::string_view text_;
  std::string_view file_;
  std::size_t position_ = 0;
  int line_ = 1;
};

}  // namespace

Variables parse_dotenv(std::string_view text, std::string_view file) {
  return DotenvReader(text, file).read();
}

Variables read_dotenv(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  // Through operator<<, which keeps the exceptions of a failed read to itself. An empty file gives nothing to
  // write.
  std::ostringstream text;
  const bool empty = stream.peek() == std::ifstream::traits_type::eof() && !stream.bad();
  std::error_code error;
  if (!stream.is_open() || std::filesystem::is_directory(file, error) ||
      (!empty && !(text << stream.rdbuf()))) {
    throw ConfigurationError(fmt::format("the file '{}' can't be read", file.string()));
  }
  return parse_dotenv(text.str(), file.string());
}

std::optional<std::filesystem::path> find_dotenv(std::filesystem::path folder) {
  while (true) {
    std::error_code error;
    std::filesystem::path file = folder / ".env";
    if (std::filesystem::is_regular_file(file, error)) return file;
    if (!folder.has_relative_path()) return std::nullopt;
    folder = folder.parent_path();
  }
}

}  // namespace copg::detail
