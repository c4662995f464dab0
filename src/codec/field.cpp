// What Row and Field do when they can't give what was asked for, and the search for a column.
#include <copg/field.hpp>
#include <copg/mapping.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>

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

void find_columns(std::span<const Column> columns, std::span<const std::string_view> members,
                  std::span<std::size_t> found, std::string_view type) {
  std::string lacking, unknown;
  const auto add = [](std::string& list, std::string_view name) {
    list += fmt::format("{}'{}'", list.empty() ? "" : ", ", name);
  };
  for (std::size_t i = 0; i < members.size(); ++i) {
    found[i] = 0;
    while (found[i] < columns.size() && columns[found[i]].name != members[i]) ++found[i];
    if (found[i] == columns.size()) add(lacking, members[i]);
  }
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const bool known = std::ranges::find(members, std::string_view(columns[i].name)) != members.end();
    if (!known) add(unknown, columns[i].name);
  }
  if (!unknown.empty() || !lacking.empty()) {
    throw UsageError(fmt::format("the columns do not fit {} by name:{}{}{}{}{}", type,
                                 unknown.empty() ? "" : " it has no member ", unknown,
                                 unknown.empty() || lacking.empty() ? "" : ", and",
                                 lacking.empty() ? "" : " no column is there for its ", lacking));
  }
  if (columns.size() != members.size())
    throw UsageError(fmt::format("the columns do not fit {} by name: two have one name", type));
}

}  // namespace copg::detail
