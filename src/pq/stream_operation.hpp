// A statement whose rows are taken chunk by chunk: each chunk is an operation, over what is kept open from
// one to the next. Outside a transaction that is the statement's own exchange; inside one it is a portal
// (docs/adr/0049-a-stream-is-a-portal-inside-a-transaction.md).
#pragma once

#include <copg/detail/request.hpp>
#include <copg/result.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "pq/execute_operation.hpp"
#include "pq/portal_exchange.hpp"
#include "pq/rows_exchange.hpp"

namespace copg::pq {

/// What is kept of it. Whoever reads the stream has the only lasting share; when that is gone, the next
/// statement on the connection, or its reset, ends what the stream has left open.
class Stream {
 public:
  /// Most rows of a chunk.
  static constexpr std::size_t max_chunk_rows = 1'000'000;

  /// `chunk_rows`: 1 to `max_chunk_rows`.
  Stream(std::shared_ptr<const detail::Request> statement, std::size_t chunk_rows);

  /// Whether no rows are to come: the last ones have been taken, or there was an error.
  [[nodiscard]] bool over() const noexcept { return mode_ == Mode::over; }
  [[nodiscard]] bool begun() const noexcept { return mode_ != Mode::unsent; }
  [[nodiscard]] const detail::Request& statement() const noexcept { return *statement_; }
  [[nodiscard]] std::size_t chunk_rows() const noexcept { return portal_.chunk_rows; }
  void set_chunk_rows(std::size_t rows) noexcept { portal_.chunk_rows = rows; }

 private:
  friend class StreamOperation;
  enum class Mode : std::uint8_t { unsent, exchange, portal, over };

  const std::shared_ptr<const detail::Request> statement_;
  Portal portal_;
  Mode mode_ = Mode::unsent;
  std::unique_ptr<RowsExchange> rows_;  // while the mode is `exchange`
};

/// The next chunk of a stream that is not over.
class StreamOperation final : public StatementOperation {
 public:
  /// `begin` holds for the first chunk. Inside a transaction, rows of a statement that DECLARE CURSOR does
  /// not take (INSERT ... RETURNING, SHOW) come as one chunk. If the operation is dropped before it is done,
  /// the stream is over, and the connection is not protocol_idle and must be reset.
  StreamOperation(Connection& connection, std::shared_ptr<Stream> stream, BeginFirst begin);
  ~StreamOperation() override;

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;
  [[nodiscard]] bool first_bytes_sent() const noexcept override;

  /// After `done` without an error, once. It has the columns also if it has no rows.
  [[nodiscard]] Result take_chunk();

 private:
  ErrorPtr start();
  void start_statement();
  [[nodiscard]] StatementOperation& part() const noexcept;
  Step finish();

  Connection& connection_;
  const std::shared_ptr<Stream> stream_;
  const BeginFirst begin_;
  std::unique_ptr<StatementOperation> part_;  // null: the stream's exchange, or nothing was started
  bool started_ = false;
  bool resumed_ = false;
  bool done_ = false;
  Result chunk_;
};

}  // namespace copg::pq
