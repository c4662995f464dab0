// Python's placeholders (%s, %(name)s, %%) rewritten as PostgreSQL's ($1, $2, ...). Knows nothing of Python.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace copg::python {

struct RewrittenText {
  enum class Style : std::uint8_t { none, positional, named };
  std::string sql;
  Style style = Style::none;
  std::size_t count = 0;           ///< Parameters that the statement takes.
  std::vector<std::string> names;  ///< Style::named: that of $1, $2, ...; each once.
};

/// Where the two texts differ.
struct RewrittenPlace {
  int number = 0;                             ///< Of the placeholder; 0: a percent sign that was doubled.
  std::size_t written = 0, written_size = 0;  ///< In the text as it was given, in bytes,
  std::size_t sent = 0, sent_size = 0;        ///< and in the rewritten one.
};

/// Quoted strings and identifiers, dollar quotes and comments are respected: in them only %% means something
/// (a percent sign, as everywhere). %b and %t are taken for %s, as psycopg has them. Throws
/// ProgrammingMistake on several statements, mixed styles, or a percent sign that is neither a placeholder
/// nor doubled.
RewrittenText rewrite_placeholders(std::string_view sql);
/// For the text of an error: from left to right.
std::vector<RewrittenPlace> rewritten_places(std::string_view sql);

}  // namespace copg::python
