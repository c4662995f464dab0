// Rows into chunks.
#include "pq/rows_exchange.hpp"

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
    if (PQnfields(result.get()) == 0) return keep_error(rows_without_columns(sql_));
    chunk_.add(result.get());
    if (static_cast<std::size_t>(chunk_.size()) >= chunk_rows_ || chunk_.bytes() >= chunk_bytes) pause();
    return;
  }
  static_cast<void>(use_.take_result(connection_, result.get()));
  no_rows_ = std::move(result);
}

Result RowsExchange::take_chunk() {
  ResultPtr chunk = chunk_.any() ? chunk_.take() : std::move(no_rows_);
  return chunk ? ResultAccess::make(std::move(chunk), detail::Effect::none, &connection_.notices())
               : Result();
}

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
