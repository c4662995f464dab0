// What Row and Field do when they can't give what was asked for, and the search for a column.
#include <copg/field.hpp>
#include <copg/mapping.hpp>

#include <fmt/format.h>

namespace copg::detail {
namespace {

std::string describe(const Column& column) {
  return fmt::format("column '{}' ({})", column.name, type_name(column.type));
}

}  // namespace

std::size_t find_column(const ResultData& data, std::string_view name) {
  for (std::size_t i = data.columns.size(); i-- > 0;) {
    if (data.columns[i].name == name) return i;
  }
  std::string known;
  for (const Column& column : data.columns)
    known += fmt::format("{}'{}'", known.empty() ? "" : ", ", column.name);
  throw UsageError(
      fmt::format("no column '{}' in the result; there are: {}", name, known.empty() ? "none" : known));
}

void reject_index(const char* what, std::size_t index, std::size_t size) {
  throw UsageError(fmt::format("no {} {} in a result of {} (the first is 0)", what, index, size));
}

void reject_no_row(std::string_view wanted) {
  throw DataError(
      fmt::format("no row to read a {} from: take an optional, or make sure that there is one", wanted));
}

void reject_null(const Column& column, std::string_view wanted) {
  throw DataError(
      fmt::format("{} is NULL, which {} can't hold: take a std::optional", describe(column), wanted));
}

void reject_type(const Column& column, std::string_view wanted) {
  throw DataError(fmt::format("{} can't be read as {}: cast it in the query, or take another type",
                              describe(column), wanted));
}

void reject_value(const Column& column, std::string_view wanted) {
  std::string reason;
  try {
    throw;
  } catch (const DataError& error) {
    reason = error.what();
  }
  throw DataError(fmt::format("{} can't be read as {}: {}", describe(column), wanted, reason));
}

void reject_column_count(std::size_t columns, std::size_t wanted, std::string_view type) {
  throw UsageError(fmt::format("the result has {} column{}, but {} takes {}", columns,
                               columns == 1 ? "" : "s", type, wanted));
}

}  // namespace copg::detail
