// Rows into chunks.
#include "pq/rows_exchange.hpp"

#include <new>
#include <utility>

#include "pq/errors.hpp"
#include "pq/result_access.hpp"

namespace copg::pq {

RowsExchange::RowsExchange(Connection& connection, std::string_view sql, ParamsView params,
                           std::size_t chunk_rows)
    : Exchange(connection, sql), use_(sql, params), chunk_rows_(chunk_rows) {}

ErrorPtr RowsExchange::check() {
  constexpr bool nameless = true;  // a name would take a pipeline, for a Parse that costs little here
  if (ErrorPtr refusal = use_.look_up(connection_, nameless)) return refusal;
  use_.stands_alone();
  return nullptr;
}

bool RowsExchange::send() {
  if (!use_.put(connection_) || PQsetSingleRowMode(connection_.raw()) != 1) return false;
  // Nobody may come back for the rest.
  connection_.note_statement("", use_.traits());
  return true;
}

void RowsExchange::on_result(ResultPtr result) {
  if (PQresultStatus(result.get()) == PGRES_SINGLE_TUPLE) {
    add_row(result.get());
    if (rows_ >= chunk_rows_ || bytes_ >= chunk_bytes) pause();
    return;
  }
  static_cast<void>(use_.take_result(connection_, result.get()));
  if (!chunk_) chunk_ = std::move(result);  // without rows, but with the columns
}

void RowsExchange::add_row(const PGresult* row) {
  if (!chunk_) {
    chunk_.reset(PQcopyResult(row, PG_COPYRES_ATTRS));
    if (!chunk_) throw std::bad_alloc();
    rows_ = bytes_ = 0;
  }
  const int columns = PQnfields(row);
  const auto at = static_cast<int>(rows_);
  for (int column = 0; column < columns; ++column) {
    const int size = PQgetlength(row, 0, column);
    const bool null = size == 0 && PQgetisnull(row, 0, column) != 0;
    if (PQsetvalue(chunk_.get(), at, column, null ? nullptr : PQgetvalue(row, 0, column), null ? -1 : size) !=
        1)
      throw std::bad_alloc();
    bytes_ += static_cast<std::size_t>(size);
  }
  ++rows_;
}

Result RowsExchange::take_chunk() { return chunk_ ? ResultAccess::make(std::move(chunk_)) : Result(); }

void RowsExchange::on_error(ErrorPtr error, const PGresult* result) {
  static_cast<void>(use_.take_error(connection_, *error, result));
  keep_error(std::move(error));
}

ErrorPtr RowsExchange::lost(ErrorPtr error) {
  return use_.traits().reads ? std::move(error) : statement_unknown(std::move(error));
}

void RowsExchange::on_copy() {
  keep_error(usage_error("COPY with STDIN or STDOUT does not go through stream", sql_));
}

}  // namespace copg::pq
