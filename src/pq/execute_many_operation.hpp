// One statement with many rows of parameters, in one pipeline: a constant number of round trips, all rows or
// none.
//
// Memory is bounded in both directions: it reads while it sends, and asks for no further row while the socket
// is full or too many answers are outstanding.
#pragma once

#include <copg/params.hpp>
#include <copg/row_source.hpp>

#include <cstdint>
#include <deque>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "pq/exchange.hpp"
#include "pq/execute_operation.hpp"

namespace copg::pq {

class ExecuteManyOperation final : public Exchange {
 public:
  /// Answers that may be outstanding before the next row is asked for.
  static constexpr std::int64_t max_outstanding = 65536;
  /// Bytes put before they are flushed. Once libpq holds 8 KiB (pqPutMsgEnd in its fe-misc.c), it tries to
  /// send at the end of each message: three useless times a row while the socket is full. This leaves room
  /// for a row below that, so that one call sends a batch.
  static constexpr std::size_t flush_at_bytes = 8192 - 512;

  /// `sql` (one statement) and `rows` must outlive the operation. Without a transaction it is atomic by
  /// itself. In an open one, or one that BeginFirst::yes begins, it is part of that, and any error leaves the
  /// transaction failed. Rows that the statement returns are dropped. If a row's parameter types differ from
  /// those before, the statement is parsed again in the same flush.
  ExecuteManyOperation(Connection& connection, std::string_view sql, RowSource& rows,
                       BeginFirst begin = BeginFirst::no);
  ~ExecuteManyOperation() override;

  [[nodiscard]] bool commits() const noexcept override {
    return own_transaction_ && finished_ && !aborting_ && !failed_ && !ended_early_;
  }
  /// After `done` without an error: the sum of the affected rows over all rows of parameters.
  [[nodiscard]] std::int64_t affected_rows() const noexcept { return affected_; }
  /// Rows of parameters sent so far.
  [[nodiscard]] std::int64_t rows_sent() const noexcept { return rows_sent_; }
  /// After `done`: what RowSource::next threw, or nullptr. error() is set as well then (kind usage), for
  /// callers that do not ask for this.
  [[nodiscard]] std::exception_ptr source_error() const noexcept { return source_error_; }

 private:
  ErrorPtr check() override;
  bool send() override;
  bool send_more() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  ErrorPtr lost(ErrorPtr error) override;

  enum class Answer : std::uint8_t { begin, parse, row, end };
  /// What the next answer belongs to: answers come in the order of sending.
  Answer next_answer() noexcept;
  bool fetch_row();
  bool send_row();
  [[nodiscard]] bool parsed_for_row() const noexcept;
  bool finish();

  RowSource& rows_;
  BeginFirst begin_;
  bool own_transaction_ = false;  // the Sync at the end commits
  bool begin_pending_ = false;    // BEGIN has not been answered
  bool finished_ = false;         // the Sync was put
  bool aborting_ = false;         // a statement that fails on purpose stands before the Sync
  bool failed_ = false;           // the server has refused something
  Params row_;
  std::string text_;  // NUL-terminated
  sql::TextTraits traits_;
  bool ended_early_ = false;  // by the source, or for a row that does not fit
  bool parsed_ = false;
  std::vector<Oid> types_;                  // with which the unnamed statement was parsed last
  std::deque<std::int64_t> parse_pending_;  // Parses not answered: the index of the row behind each
  std::int64_t flush_asked_at_ = -1;        // rows_sent_ at the last FlushRequest
  std::int64_t rows_sent_ = 0;
  std::int64_t rows_answered_ = 0;
  std::int64_t affected_ = 0;
  std::exception_ptr source_error_;
};

}  // namespace copg::pq
