// A copy of each value into the result of all, but for those of a first PGresult that can be taken as it is.
#include "pq/gathered_rows.hpp"

#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace copg::pq {

void GatheredRows::begin(const PGresult* like) {
  rows_.reset(PQcopyResult(like, PG_COPYRES_ATTRS));
  if (!rows_) throw std::bad_alloc();
}

void GatheredRows::add(const PGresult* from, int row) {
  if (!rows_) begin(from);
  const int columns = PQnfields(from);
  const int at = size();
  for (int column = 0; column < columns; ++column) {
    const int size = PQgetlength(from, row, column);
    const bool null = size == 0 && PQgetisnull(from, row, column) != 0;
    char* const value = null ? nullptr : PQgetvalue(from, row, column);
    if (PQsetvalue(rows_.get(), at, column, value, null ? -1 : size) != 1) throw std::bad_alloc();
  }
}

void GatheredRows::add_all(ResultPtr from) {
  if (!rows_) {
    rows_ = std::move(from);
    return;
  }
  for (int row = 0; row < PQntuples(from.get()); ++row) add(from.get(), row);
}

ResultPtr GatheredRows::take_with(const PGresult* end) noexcept {
  // PQcmdStatus gives the place where libpq keeps the tag, which is as large in every PGresult.
  const std::string_view tag = command_tag(end);
  char* const place = PQcmdStatus(rows_.get());
  std::memcpy(place, tag.data(), tag.size());
  place[tag.size()] = '\0';
  return take();
}

}  // namespace copg::pq
