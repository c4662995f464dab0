// One statement outside a transaction, whose rows are taken in chunks: it pauses after each. The server is
// held back meanwhile, by a full socket.
//
// libpq 17 and later make a PGresult of a few rows (PQsetChunkedRowsMode), older ones of each row
// (PQsetSingleRowMode), from which the rows are copied into that of their chunk. So a chunk is bounded in
// bytes as well, which libpq's own chunks are not.
#pragma once

#include <copg/result.hpp>

#include <cstddef>
#include <string_view>

#include "pq/exchange.hpp"
#include "pq/gathered_rows.hpp"
#include "pq/params_view.hpp"
#include "pq/statement_use.hpp"

namespace copg::pq {

class RowsExchange final : public Exchange {
 public:
  /// A chunk ends with the rows that make it this large.
  static constexpr std::size_t chunk_bytes = std::size_t{1} << 20;
  /// The rows that libpq hands out at a time, at most.
  static constexpr std::size_t rows_at_a_time = 32;

  /// `sql` and what `params` shows must outlive the exchange. Its destructor does not touch the connection,
  /// which may be gone by then.
  RowsExchange(Connection& connection, std::string_view sql, ParamsView params, std::size_t chunk_rows);

  /// After a pause: `advance` takes the next chunk.
  void resume() noexcept { go_on_later(); }
  using Exchange::paused;
  /// After `advance` is done without an error, once: fewer rows than `chunk_rows` at the end, or none.
  [[nodiscard]] Result take_chunk();

 private:
  ErrorPtr check() override;
  bool send() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  ErrorPtr lost(ErrorPtr error) override;
  void on_copy() override;
  [[nodiscard]] bool takes_single_rows() const override { return true; }
  [[nodiscard]] bool chunk_is_full() const noexcept;

  StatementUse use_;
  const std::size_t chunk_rows_;
  const std::size_t step_;  // rows that libpq hands out at a time
  GatheredRows chunk_;
  ResultPtr no_rows_;  // but the columns
};

}  // namespace copg::pq
