// See exec.hpp.
#include "exec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <copg/copg.hpp>

#include "database_url.hpp"
#include "json_text.hpp"

namespace copg::tools {
namespace {

/// The places on a terminal: characters of UTF-8, where double-width ones count once.
std::size_t width_of(std::string_view text) {
  constexpr unsigned char continuation_mask = 0xC0;
  constexpr unsigned char continuation = 0x80;
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & continuation_mask) != continuation;
  }));
}

bool is_number(Oid type) {
  return type == oid::int2 || type == oid::int4 || type == oid::int8 || type == oid::float4 ||
         type == oid::float8 || type == oid::numeric || type == oid::oid;
}

/// One line per row: what would break it is shown escaped.
std::string on_one_line(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else if (c == '\r') {
      result += "\\r";
    } else if (c == '\t') {
      result += "\\t";
    } else {
      result += c;
    }
  }
  return result;
}

void append_cell(std::string& line, std::string_view text, std::size_t width, bool to_the_right) {
  const std::string padding(width - width_of(text), ' ');
  line += to_the_right ? padding : "";
  line += text;
  line += to_the_right ? "" : padding;
}

void write_line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                const std::vector<bool>& numbers, std::FILE* out) {
  std::string line;
  for (std::size_t column = 0; column < cells.size(); ++column) {
    if (column > 0) line += "  ";
    append_cell(line, cells[column], widths[column], numbers[column]);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  fmt::print(out, "{}\n", line);
}

void write_table(const Result& result, std::FILE* out) {
  std::vector<std::vector<std::string>> lines(1);
  std::vector<bool> numbers;
  for (std::size_t column = 0; column < result.columns(); ++column) {
    lines.front().push_back(on_one_line(result.column_name(column)));
    numbers.push_back(is_number(result.column_type(column)));
  }
  for (const Row row : result) {
    auto& cells = lines.emplace_back();
    for (const Field field : row) cells.push_back(on_one_line(field.text()));
  }
  std::vector<std::size_t> widths(result.columns());
  for (const auto& cells : lines) {
    for (std::size_t column = 0; column < cells.size(); ++column) {
      widths[column] = std::max(widths[column], width_of(cells[column]));
    }
  }
  std::vector<std::string> rules;
  for (const std::size_t width : widths) rules.emplace_back(width, '-');
  lines.insert(lines.begin() + 1, rules);
  for (const auto& cells : lines) write_line(cells, widths, numbers, out);
  fmt::print(out, "({} {})\n", result.size(), result.size() == 1 ? "row" : "rows");
}

std::string csv_field(std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"') result += '"';
    result += c;
  }
  return result + '"';
}

void write_csv(const Result& result, std::FILE* out) {
  for (std::size_t column = 0; column < result.columns(); ++column) {
    fmt::print(out, "{}{}", column == 0 ? "" : ",", csv_field(result.column_name(column)));
  }
  fmt::print(out, "\r\n");
  for (const Row row : result) {
    const char* separator = "";
    for (const Field field : row) {
      fmt::print(out, "{}{}", separator, field.is_null() ? "" : csv_field(field.text()));
      separator = ",";
    }
    fmt::print(out, "\r\n");
  }
}

std::string json_value(const Field& field) {
  if (field.is_null()) return "null";
  const std::string_view text = field.text();
  if (field.type() == oid::boolean) return text == "t" ? "true" : "false";
  if (field.type() == oid::json || field.type() == oid::jsonb) return std::string(text);
  // NaN and the infinities are numbers for the server, but not for JSON.
  const bool finite = text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  return is_number(field.type()) && finite ? std::string(text) : json_string(text);
}

void write_json(const Result& result, std::FILE* out) {
  fmt::print(out, "[");
  const char* between_rows = "\n";
  for (const Row row : result) {
    fmt::print(out, "{}{{", between_rows);
    const char* between_fields = "";
    for (const Field field : row) {
      fmt::print(out, "{}{}:{}", between_fields, json_string(field.name()), json_value(field));
      between_fields = ",";
    }
    fmt::print(out, "}}");
    between_rows = ",\n";
  }
  fmt::print(out, "{}]\n", result.empty() ? "" : "\n");
}

}  // namespace

void write_rows(const Result& result, RowFormat format, std::FILE* out) {
  if (format == RowFormat::json) {
    write_json(result, out);
  } else if (result.columns() == 0) {
    if (format == RowFormat::table) fmt::print(out, "{}\n", result.command_tag());
  } else if (format == RowFormat::csv) {
    write_csv(result, out);
  } else {
    write_table(result, out);
  }
}

void exec(const ExecOptions& options, std::FILE* out) {
  PooledDatabase db(config_from(options.url),
                    {.min_size = 0, .max_size = 1, .timeout = Seconds(options.timeout)});
  Params parameters;
  for (const std::string& parameter : options.parameters) parameters.add(parameter);
  write_rows(db.execute(options.sql, parameters), options.format, out);
}

}  // namespace copg::tools
