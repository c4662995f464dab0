#include "pq/returned_rows.hpp"

#include <new>
#include <utility>

#include "pq/result_access.hpp"

namespace copg::pq {
namespace {

bool alike(const PGresult* a, const PGresult* b) noexcept {
  const int columns = PQnfields(a);
  if (columns != PQnfields(b)) return false;
  for (int column = 0; column < columns; ++column) {
    if (PQftype(a, column) != PQftype(b, column)) return false;
  }
  return true;
}

/// Copies a row behind the last one of `to`, whose columns are those of `from`.
void append_row(PGresult* to, const PGresult* from, int row) {
  const int columns = PQnfields(from);
  const int at = PQntuples(to);
  for (int column = 0; column < columns; ++column) {
    const int size = PQgetlength(from, row, column);
    const bool null = size == 0 && PQgetisnull(from, row, column) != 0;
    if (PQsetvalue(to, at, column, null ? nullptr : PQgetvalue(from, row, column), null ? -1 : size) != 1)
      throw std::bad_alloc();
  }
}

}  // namespace

void ReturnedRows::add(const PGresult* result) {
  if (PQresultStatus(result) != PGRES_TUPLES_OK) return;
  if (gathered_.empty() || !alike(gathered_.back().get(), result)) {
    gathered_.emplace_back(PQcopyResult(result, PG_COPYRES_ATTRS));
    if (!gathered_.back()) throw std::bad_alloc();
  }
  PGresult* const to = gathered_.back().get();
  for (int row = 0; row < PQntuples(result); ++row) append_row(to, result, row);
}

std::vector<Result> ReturnedRows::take(detail::Effect effect) {
  std::vector<Result> results;
  for (ResultPtr& rows : gathered_) results.push_back(ResultAccess::make(std::move(rows), effect));
  gathered_.clear();
  return results;
}

}  // namespace copg::pq
