#include "pq/returned_rows.hpp"

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

}  // namespace

void ReturnedRows::add(const PGresult* result) {
  if (PQresultStatus(result) != PGRES_TUPLES_OK) return;
  if (gathered_.empty() || !alike(gathered_.back().raw(), result)) gathered_.emplace_back().begin(result);
  for (int row = 0; row < PQntuples(result); ++row) gathered_.back().add(result, row);
}

std::vector<Result> ReturnedRows::take(detail::Effect effect) {
  std::vector<Result> results;
  for (GatheredRows& rows : gathered_) results.push_back(ResultAccess::make(rows.take(), effect));
  gathered_.clear();
  return results;
}

}  // namespace copg::pq
