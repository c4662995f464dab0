// Part of PostgreSQL's lexical rules (documentation 4.1).
#include "pq/sql_text.hpp"

#include <algorithm>

namespace copg::pq {
namespace {

constexpr std::string_view line_ends = "\n\r";

constexpr bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

}  // namespace

std::size_t end_of_line(std::string_view sql, std::size_t at) noexcept {
  return std::min(sql.find_first_of(line_ends, at), sql.size());
}

// {quotecontinue} in scan.l: block comments are no part of it.
std::size_t next_part_of_string(std::string_view sql, std::size_t at) noexcept {
  bool on_another_line = false;
  for (; at < sql.size(); ++at) {
    const std::string_view rest = sql.substr(at);
    if (rest.starts_with('\'')) return on_another_line ? at : std::string_view::npos;
    if (rest.starts_with("--")) at = std::min(end_of_line(sql, at), sql.size() - 1);
    const char c = sql[at];
    if (line_ends.find(c) != std::string_view::npos) {
      on_another_line = true;
    } else if (!is_space(c)) {
      break;
    }
  }
  return std::string_view::npos;
}

}  // namespace copg::pq
