// `copg exec SQL [PARAM...]`: one statement, its rows as a table, as CSV or as JSON.
#pragma once

#include <copg/result.hpp>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace copg::tools {

/// How rows are written.
enum class RowFormat : std::uint8_t {
  table,  ///< Aligned columns and a count of rows, for people. NULL is empty.
  csv,    ///< RFC 4180 with a header. NULL is an empty field, an empty string is "".
  json,   ///< One array of objects. Numbers, booleans and json columns as such, NULL as null, the rest as
          ///< strings.
};

struct ExecOptions {
  std::string sql{};
  std::vector<std::string> parameters{};  ///< $1, $2, ... as text; the server gives them their types.
  std::string url{};                      ///< Empty: from the environment, as Config::from_env.
  double timeout = 30;                    ///< Seconds for everything.
  RowFormat format = RowFormat::table;
};

/// Executes it and writes the rows, or what the server says it did, to `out`. Throws copg::Error.
void exec(const ExecOptions& options, std::FILE* out);

/// Writes the rows. A result without columns is its command tag (table), or nothing.
void write_rows(const Result& result, RowFormat format, std::FILE* out);

}  // namespace copg::tools
