// One statement outside a transaction, whose rows are taken in chunks: it pauses after each. The server is
// held back meanwhile, by a full socket.
//
// libpq makes a PGresult for each row (PQsetSingleRowMode), from which the row is copied into that of its
// chunk, so that a chunk is bounded in rows and in bytes. PQsetChunkedRowsMode of libpq 17 knows only rows.
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
  /// A chunk ends with the row that makes it this large.
  static constexpr std::size_t chunk_bytes = std::size_t{1} << 20;

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

  StatementUse use_;
  const std::size_t chunk_rows_;
  GatheredRows chunk_;
  ResultPtr no_rows_;  // but the columns
};

}  // namespace copg::pq
