// The part of Result that needs a PGresult.
#include <charconv>
#include <string_view>

#include "pq/result_access.hpp"

namespace copg {
namespace detail {

void ResultData::adopt(pg_result* owned) {
  raw = owned;
  rows = static_cast<std::size_t>(PQntuples(raw));
  const int count = PQnfields(raw);
  columns.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) columns.push_back({PQfname(raw, i), PQftype(raw, i)});
}

ResultData::~ResultData() { PQclear(raw); }

Cell cell(const ResultData& data, std::size_t row, std::size_t column) noexcept {
  const int r = static_cast<int>(row);
  const int c = static_cast<int>(column);
  const int size = PQgetlength(data.raw, r, c);
  // NULL has length 0, and so has the empty string.
  if (size == 0 && PQgetisnull(data.raw, r, c) != 0) return {};
  return {PQgetvalue(data.raw, r, c), static_cast<std::size_t>(size)};
}

}  // namespace detail

std::int64_t Result::affected_rows() const noexcept {
  if (!data_) return 0;
  const std::string_view text = PQcmdTuples(data_->raw);
  std::int64_t count = 0;
  std::from_chars(text.data(), text.data() + text.size(), count);
  return count;
}

std::string_view Result::command_tag() const noexcept {
  if (!data_) return {};
  const char* const tag = PQcmdStatus(data_->raw);
  return tag != nullptr ? tag : "";
}

namespace pq {

Result ResultAccess::make(PGresult* owned) {
  std::shared_ptr<detail::ResultData> data;
  try {
    data = std::make_shared<detail::ResultData>();
  } catch (...) {
    PQclear(owned);
    throw;
  }
  data->adopt(owned);
  return Result(std::move(data));
}

const PGresult* ResultAccess::raw(const Result& result) noexcept {
  return result.data_ ? result.data_->raw : nullptr;
}

}  // namespace pq
}  // namespace copg
