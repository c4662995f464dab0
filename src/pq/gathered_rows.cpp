// A copy of each value into the result of all.
#include "pq/gathered_rows.hpp"

#include <cstring>
#include <new>
#include <string_view>

namespace copg::pq {

void GatheredRows::add(const PGresult* single) {
  if (!rows_) {
    rows_.reset(PQcopyResult(single, PG_COPYRES_ATTRS));
    if (!rows_) throw std::bad_alloc();
  }
  const int columns = PQnfields(single);
  const int at = size();
  for (int column = 0; column < columns; ++column) {
    const int size = PQgetlength(single, 0, column);
    const bool null = size == 0 && PQgetisnull(single, 0, column) != 0;
    char* const value = null ? nullptr : PQgetvalue(single, 0, column);
    if (PQsetvalue(rows_.get(), at, column, value, null ? -1 : size) != 1) throw std::bad_alloc();
  }
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
