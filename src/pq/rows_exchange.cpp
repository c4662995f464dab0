// Rows into chunks.
#include "pq/rows_exchange.hpp"

#include <algorithm>
#include <utility>

#include "pq/errors.hpp"
#include "pq/late_symbols.hpp"
#include "pq/result_access.hpp"

namespace copg::pq {

namespace {

/// As many as come out even in the end, if there is such a number that is not too small; else so many that
/// the last ones don't make a chunk larger than wanted.
std::size_t step_for(std::size_t chunk_rows) noexcept {
  constexpr std::size_t fewest = 8;
  if (!has_chunked_rows()) return 1;
  for (std::size_t step = std::min(chunk_rows, RowsExchange::rows_at_a_time); step >= fewest; --step) {
    if (chunk_rows % step == 0) return step;
  }
  const std::size_t steps = (chunk_rows + RowsExchange::rows_at_a_time - 1) / RowsExchange::rows_at_a_time;
  return chunk_rows / steps;
}

bool hand_out(PGconn* conn, std::size_t rows) noexcept {
  return (rows == 1 ? PQsetSingleRowMode(conn) : PQsetChunkedRowsMode(conn, static_cast<int>(rows))) == 1;
}

}  // namespace

RowsExchange::RowsExchange(Connection& connection, std::string_view sql, ParamsView params,
                           std::size_t chunk_rows)
    : Exchange(connection, sql), use_(sql, params), chunk_rows_(chunk_rows), step_(step_for(chunk_rows)) {}

ErrorPtr RowsExchange::check() {
  constexpr bool nameless = true;  // a name would take a pipeline, for a Parse that costs little here
  if (ErrorPtr refusal = use_.look_up(connection_, nameless)) return refusal;
  use_.stands_alone();
  return nullptr;
}

bool RowsExchange::send() {
  if (!use_.put(connection_) || !hand_out(connection_.raw(), step_)) return false;
  // Nobody may come back for the rest.
  connection_.note_statement("", use_.traits());
  return true;
}

void RowsExchange::on_result(ResultPtr result) {
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_SINGLE_TUPLE || status == rows_chunk) {
    if (PQnfields(result.get()) == 0) return keep_error(rows_without_columns(sql_));
    if (status == rows_chunk) {
      chunk_.add_all(std::move(result));
    } else {
      chunk_.add(result.get());
    }
    if (chunk_is_full()) pause();
    return;
  }
  static_cast<void>(use_.take_result(connection_, result.get()));
  no_rows_ = std::move(result);
}

bool RowsExchange::chunk_is_full() const noexcept {
  return static_cast<std::size_t>(chunk_.size()) + step_ > chunk_rows_ || chunk_.bytes() >= chunk_bytes;
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
