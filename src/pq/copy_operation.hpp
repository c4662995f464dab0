// What COPY FROM STDIN and COPY TO STDOUT have in common: the statement, and what the server says before and
// after the data.
//
// It uses the simple protocol, alone on its connection, since anything pipelined behind a COPY FROM STDIN
// kills the connection (libpq would allow it). So the beginning of a transaction needs a round trip of its
// own. Memory is bounded in both directions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pq/abort_operation.hpp"
#include "pq/clear_up_operation.hpp"
#include "pq/connection.hpp"
#include "pq/execute_operation.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class CopyOperation : public StatementOperation {
 public:
  ~CopyOperation() override;

  Step advance(Ready ready) final;
  [[nodiscard]] const char* phase() const noexcept final;

  /// After `done` without an error: the rows that the server has counted.
  [[nodiscard]] std::int64_t rows_copied() const noexcept { return rows_copied_; }
  /// After `done`: what the source or the sink threw, or nullptr. error() is set as well then (kind usage),
  /// for callers that do not ask for this.
  [[nodiscard]] std::exception_ptr stream_error() const noexcept { return stream_error_; }
  [[nodiscard]] bool first_bytes_sent() const noexcept final { return sent_; }
  /// `advance` has said that it is finished, and the COPY is still open: the next `advance` goes on with it.
  /// Until then it does not touch its connection.
  [[nodiscard]] bool parked() const noexcept { return parked_; }

 protected:
  /// Data moved in one `advance`, so that an endless stream does not hold up the caller's other work.
  static constexpr std::size_t bytes_per_advance = std::size_t{1} << 20;

  enum class Moved : std::uint8_t {
    ended,    // the server has, or has sent, all the data; its verdict follows
    waiting,  // for data of the server
    paused,   // bytes_per_advance are moved, or the socket is full: goes on once it can be written to
    aborted,  // the stream threw, or its owner gives up: end the statement by force
    parked,   // all that there is to move now is moved: goes on with the next call of its owner
    lost,
  };

  CopyOperation(Connection& connection, std::string_view sql, ExecStatusType wanted, BeginFirst begin);

  /// Moves data as far as it can without waiting. Called after PQconsumeInput.
  virtual Moved move_data() = 0;
  [[nodiscard]] PGconn* raw() const noexcept { return connection_.raw(); }
  /// Within a catch block.
  void keep_stream_error() noexcept { stream_error_ = std::current_exception(); }

 private:
  enum class Phase : std::uint8_t { unsent, clearing_up, settings, begin, start, data, verdict, abort, done };

  Step begin();
  Step clear_up(Ready ready);
  Step begin_cleared();
  Step begin_with_settings(Ready ready);
  Step send(Phase phase, const char* text);
  Step collect();
  void take_result(const PGresult* result);
  void take_wrong_direction();
  Step move();
  Step park();
  Step on_idle();
  Step abort(Ready ready);
  Step wait(bool more = false);
  Step refuse(ErrorPtr error);
  Step end();
  Step end_lost();
  void keep_error(ErrorPtr error);

  Connection& connection_;
  std::string text_;  // NUL-terminated
  ExecStatusType wanted_;
  BeginFirst begin_;
  const Beginning begin_alone_;  // without its settings
  std::optional<ExecuteOperation> begin_operation_;
  sql::TextTraits traits_;
  Phase phase_ = Phase::unsent;
  bool sent_ = false;
  bool parked_ = false;
  bool was_parked_ = false;
  std::int64_t rows_copied_ = 0;
  ErrorPtr kept_error_;
  std::exception_ptr stream_error_;
  std::optional<AbortOperation> abort_;
  std::unique_ptr<ClearUpOperation> clearing_up_;
};

}  // namespace copg::pq
