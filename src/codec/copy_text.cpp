// One pass over each value: the parts without a special character are appended as they are.
#include "codec/copy_text.hpp"

#include <copg/copy_target.hpp>
#include <copg/detail/copy_rows.hpp>
#include <copg/error.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "codec/hex.hpp"
#include "codec/quoted_name.hpp"

namespace copg::detail {
namespace {

/// What stands behind the backslash in place of a character; 0: the character stands for itself.
constexpr std::array<char, 256> copy_escapes = [] {
  std::array<char, 256> escapes{};
  escapes['\\'] = '\\';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  return escapes;
}();

void append_copy_bytes(std::string_view bytes, std::string& out) {
  out += "\\\\x";
  append_hex(std::as_bytes(std::span(bytes)), out);
}

/// `name` is one name, without the double quotes that were around it; those that it holds are doubled.
void append_identifier(std::string_view name, std::string_view whole, std::string& out) {
  if (name.empty())
    throw UsageError(
        fmt::format("COPY: the name '{}' has an empty part: write table or schema.table", whole));
  if (name.find('\0') != std::string_view::npos) throw UsageError("COPY: a name holds a NUL character");
  append_quoted_name(name, out);
}

/// Takes the double quotes off the name that begins at `at`, which is one. Returns where it ends.
std::size_t unquote(std::string_view whole, std::size_t at, std::string& name) {
  for (++at; at < whole.size(); ++at) {
    if (whole[at] == '"') {
      ++at;
      if (at == whole.size() || whole[at] != '"') return at;
    }
    name += whole[at];
  }
  throw UsageError(fmt::format("COPY: the name '{}' has a double quote that is not closed", whole));
}

}  // namespace

void append_copy_value(std::string_view text, std::string& out) {
  std::size_t plain = 0;  // where the part begins that was not appended yet
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char escape = copy_escapes[static_cast<std::uint8_t>(text[at])];
    if (escape == 0) [[likely]]
      continue;
    out.append(text, plain, at - plain);
    out += '\\';
    out += escape;
    plain = at + 1;
  }
  out.append(text, plain);
}

bool needs_copy_escape(std::string_view text) noexcept {
  return std::ranges::any_of(text, [](char c) { return copy_escapes[static_cast<std::uint8_t>(c)] != 0; });
}

void append_copy_row(const Params& row, std::string& out) {
  const char* const* const values = row.values();
  for (int i = 0; i < row.size(); ++i) {
    if (i > 0) out += '\t';
    if (values[i] == nullptr) {
      out += copy_null;
      continue;
    }
    const std::string_view value(values[i], static_cast<std::size_t>(row.lengths()[i]));
    if (row.formats()[i] == 0) {
      append_copy_value(value, out);
    } else {
      append_copy_bytes(value, out);  // the only values in binary format
    }
  }
  out += '\n';
}

std::string quoted_table(std::string_view table) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    std::string name;
    if (at < table.size() && table[at] == '"') {
      at = unquote(table, at, name);
      if (at < table.size() && table[at] != '.')
        throw UsageError(fmt::format("COPY: the name '{}' goes on behind a closing double quote", table));
    } else {
      const std::size_t dot = table.find('.', at);
      name = table.substr(at, dot == std::string_view::npos ? dot : dot - at);
      at = dot == std::string_view::npos ? table.size() : dot;
    }
    append_identifier(name, table, out);
    if (at == table.size()) return out;
    out += '.';
    ++at;
  }
}

std::string copy_in_text(std::string_view table, const std::vector<std::string>& columns,
                         std::string_view options) {
  std::string text = "COPY " + quoted_table(table);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    text += i == 0 ? " (" : ", ";
    append_identifier(columns[i], columns[i], text);
  }
  if (!columns.empty()) text += ')';
  text += " FROM STDIN";
  text += options;
  return text;
}

std::string copy_in_text(const CopyTarget& target) { return copy_in_text(target.table, target.columns, {}); }

}  // namespace copg::detail
