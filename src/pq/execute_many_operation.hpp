// One statement with many rows of parameters, in one pipeline: a constant number of round trips, all rows or
// none.
//
// Memory is bounded in both directions: it reads while it sends, and asks for no further row while the socket
// is full or too many answers are outstanding.
//
// The rows of a plain INSERT are joined, many to a statement, where nobody can tell: the server says whether
// the table allows it. Rows are kept until it is certain that they need not be sent again: after any error of
// joined rows everything is rolled back to the first row kept, and they travel one by one, so that the error,
// if there is one, is that of its row. See docs/adr/0041-rows-are-joined.md.
#pragma once

#include <copg/params.hpp>
#include <copg/row_source.hpp>

#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pq/exchange.hpp"
#include "pq/execute_operation.hpp"
#include "pq/insert_target.hpp"
#include "pq/joinable_texts.hpp"
#include "pq/kept_rows.hpp"
#include "pq/returned_rows.hpp"
#include "sql/plain_insert.hpp"

namespace copg::pq {

class ExecuteManyOperation final : public Exchange {
 public:
  /// Answers that may be outstanding before the next row is asked for.
  static constexpr std::int64_t max_outstanding = 65536;
  /// Bytes put before they are flushed. Once libpq holds 8 KiB (pqPutMsgEnd in its fe-misc.c), it tries to
  /// send at the end of each message: three useless times a row while the socket is full. This leaves room
  /// for a row below that, so that one call sends a batch.
  static constexpr std::size_t flush_at_bytes = 8192 - 512;
  /// Bytes of rows that are kept. When they are reached, a savepoint takes the place of the rows before it.
  static constexpr std::size_t max_kept_bytes = std::size_t{2} << 20;
  /// Bytes of values that are joined at most, unless one row has more; rows of such a size gain nothing.
  static constexpr std::size_t max_joined_bytes = std::size_t{64} << 10;
  /// Rows that travel one by one, at most, before the server has said whether they may be joined.
  static constexpr std::int64_t max_rows_while_asking = 256;

  /// `sql` (one statement) and `rows` must outlive the operation. Without a transaction it is atomic by
  /// itself. In an open one, or one that `begin` begins, it is part of that, and any error leaves the
  /// transaction failed. Rows that the statement returns are added to `returned`, and dropped without it. If
  /// a row's parameter types differ from those before, the statement is parsed again in the same flush.
  /// Without `joinable` rows are never joined.
  ExecuteManyOperation(Connection& connection, std::string_view sql, RowSource& rows,
                       BeginFirst begin = BeginFirst::no, JoinableTexts* joinable = nullptr,
                       ReturnedRows* returned = nullptr);
  ~ExecuteManyOperation() override;

  [[nodiscard]] bool commits() const noexcept override {
    return own_transaction_ && finished_ && !aborting_ && !failed_ && !ended_early_;
  }
  /// After `done` without an error: the sum of the affected rows over all rows of parameters.
  [[nodiscard]] std::int64_t affected_rows() const noexcept { return affected_; }
  /// Of the statements, after `done` without an error.
  [[nodiscard]] detail::Effect effect() const noexcept {
    return own_transaction_ ? detail::Effect::committed : detail::Effect::in_transaction;
  }
  /// Rows of parameters sent so far; those that had to be sent twice count once.
  [[nodiscard]] std::int64_t rows_sent() const noexcept { return rows_sent_; }
  /// Statements that took more than one row, and were answered; after rows had to be sent again: 0.
  [[nodiscard]] std::int64_t joined_statements() const noexcept { return joined_statements_; }
  /// After `done`: what RowSource::next threw, or nullptr. error() is set as well then (kind usage), for
  /// callers that do not ask for this.
  [[nodiscard]] std::exception_ptr source_error() const noexcept { return source_error_; }

 private:
  /// How rows travel.
  enum class Way : std::uint8_t {
    single,     // one by one
    gathering,  // not yet: there may be too few for anything else
    asking,     // one by one, until the server has said whether they may be joined
    joined,
  };
  enum class Answer : std::uint8_t { command, settings, parse, rows, question, abort, end };
  /// `count` answers of a kind. Answers come in the order of sending.
  struct Expected {
    Answer what;
    std::int64_t rows = 0;  // of each statement
    std::int64_t count = 1;
  };

  ErrorPtr check() override;
  bool send() override;
  bool send_more() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  bool again() override;
  ErrorPtr lost(ErrorPtr error) override;

  void find_way();
  bool send_single();
  bool send_joined();
  bool put_while_asking();
  bool begin_span();
  bool put_rows_again();
  bool put_question(bool raise);
  bool put_begin();
  bool put_command(const char* sql);
  bool put_kept(std::size_t count);
  bool put_row();
  bool put(std::int64_t rows, std::span<const Oid> types, const KeptRows::Values& values);
  bool wait_for_answers();
  bool finish();

  bool fetch_row();
  [[nodiscard]] std::size_t waiting() const noexcept;
  void gather(std::size_t count);
  void take_rows(const PGresult* result);
  void take_question(const PGresult* result);
  [[nodiscard]] bool is_of_row(const ErrorInfo& error) const noexcept;
  void expect(Answer what, std::int64_t rows = 0);
  [[nodiscard]] Answer next_answer() const noexcept {
    return expected_.empty() ? Answer::end : expected_.front().what;
  }
  void pop_answer();

  RowSource& rows_;
  BeginFirst begin_;
  JoinableTexts* joinable_;
  ReturnedRows* returned_;
  bool own_transaction_ = false;  // the Sync at the end commits, or a COMMIT in front of it
  bool finished_ = false;         // the Sync was put
  bool aborting_ = false;         // a statement that fails on purpose stands before the Sync
  bool failed_ = false;           // the server has refused something
  bool ended_early_ = false;      // by the source, or for a row that does not fit
  bool source_ended_ = false;
  Params row_;
  std::string text_;  // NUL-terminated
  sql::TextTraits traits_;

  Way way_ = Way::single;
  std::optional<sql::PlainInsert> insert_;
  std::uint64_t hint_key_ = 0;
  std::size_t most_rows_ = 1;  // of one statement
  std::optional<KeptRows> kept_;
  std::size_t next_kept_ = 0;       // the first that was not put
  std::int64_t span_begin_ = 0;     // the index of the first row kept
  std::int64_t span_affected_ = 0;  // before it
  bool savepoint_ = false;          // stands in front of it
  bool begun_ = false;              // a BEGIN of ours made an implicit transaction one with savepoints
  bool repeating_ = false;  // joined rows have failed: from the first row kept on they travel one by one
  bool repeated_ = false;
  bool rolling_back_ = false;
  bool timeout_on_server_ = true;               // statement_timeout is set, as far as is known
  std::optional<QuestionAboutTable> question_;  // until it is answered

  std::int64_t parsed_rows_ = 0;  // that the unnamed statement takes; 0: it is another's
  std::vector<Oid> types_;        // of each row, with which it was parsed
  std::deque<Expected> expected_;
  std::int64_t flush_asked_at_ = -1;  // rows_sent_ at the last FlushRequest
  std::int64_t rows_fetched_ = 0;
  std::int64_t rows_sent_ = 0;
  std::int64_t rows_answered_ = 0;
  std::int64_t affected_ = 0;
  std::int64_t joined_statements_ = 0;
  std::exception_ptr source_error_;
};

}  // namespace copg::pq
