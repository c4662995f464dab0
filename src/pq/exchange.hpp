// What operations on an established connection have in common: they put messages into libpq, flush, read, and
// take results one by one until nothing is outstanding, in the plain or the pipeline mode of libpq, and
// notice a lost connection in either. An operation never waits, and never calls PQgetResult before PQisBusy
// has said that it would not block.
#pragma once

#include <copg/error.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "pq/clear_up_operation.hpp"
#include "pq/connection.hpp"
#include "pq/errors.hpp"
#include "pq/gathered_rows.hpp"
#include "pq/operation.hpp"
#include "pq/params_view.hpp"

namespace copg::pq {

class Exchange : public StatementOperation {
 public:
  Step advance(Ready ready) final;
  [[nodiscard]] const char* phase() const noexcept override;
  [[nodiscard]] bool first_bytes_sent() const noexcept override {
    return phase_ != Phase::unsent && !refused_;
  }

 protected:
  Exchange(Connection& connection, std::string_view sql) : StatementOperation(sql), connection_(connection) {}

  /// The error on a connection on which a statement was given up half-way, or an exchange is open.
  virtual ErrorPtr busy() { return connection_busy(connection_); }
  /// Whether what callers have left open is ended before this begins.
  [[nodiscard]] virtual bool clears_up() const { return true; }
  /// Called before anything is put. An error refuses the call.
  virtual ErrorPtr check() { return nullptr; }
  /// Puts the messages into libpq. False if libpq refused them: the connection is gone.
  virtual bool send() = 0;
  /// A result of a statement that did not fail.
  virtual void on_result(ResultPtr result) = 0;
  /// A statement failed; the connection survives. Must note the statement's end, and keep the error.
  virtual void on_error(ErrorPtr error, const PGresult* result) = 0;
  /// A PGRES_PIPELINE_SYNC has come.
  virtual void on_sync() {}
  /// Everything put so far has been flushed and there is nothing to read: puts more, if there is more. False
  /// if libpq refused it.
  virtual bool send_more() { return true; }
  /// The protocol is idle again. Returns true to go on with another send().
  virtual bool again() { return false; }
  /// The connection died. Turns `error`, of kind connection_failed, into what that means for the operation.
  virtual ErrorPtr lost(ErrorPtr error) { return error; }
  /// Whether the caller has its answer, and does not care for what is still outstanding.
  [[nodiscard]] virtual bool answered() const { return false; }
  /// The server wants COPY data, or sends it. The data is refused.
  virtual void on_copy() {}
  /// Whether on_result is given rows one by one, as PQsetSingleRowMode makes them, or a few at a time
  /// (PQsetChunkedRowsMode), rather than all at once.
  [[nodiscard]] virtual bool takes_single_rows() const { return false; }
  /// The rows of the present statement take more than Connection::max_result_bytes, or have no columns. They
  /// are dropped, as are those to come, and on_result gets a result without rows. Must keep the error.
  virtual void on_refused_rows(ErrorPtr error) { keep_error(std::move(error)); }

  /// Keeps the first error; the ones after it are its consequences.
  void keep_error(ErrorPtr error);
  [[nodiscard]] bool has_kept_error() const noexcept { return kept_error_ != nullptr; }
  [[nodiscard]] ErrorInfo& kept_error() noexcept { return *kept_error_; }
  void drop_kept_error() noexcept { kept_error_.reset(); }

  /// Sent, and not answered in full. A destructor asks whether its operation is dropped half-way.
  [[nodiscard]] bool talking() const noexcept {
    return phase_ == Phase::talking || phase_ == Phase::copying_out;
  }
  /// Bytes put into libpq between two looks at the socket.
  static constexpr std::size_t batch_bytes = 32768;
  /// The size of a set of parameters on the wire, with Bind, Describe and Execute around it.
  [[nodiscard]] static std::size_t bytes_of(const ParamsView& params) noexcept;

  bool enter_pipeline() noexcept { return PQenterPipelineMode(connection_.raw()) == 1; }
  /// Puts one statement without parameters. In pipeline mode only.
  bool send_plain(const char* sql) noexcept;
  /// Puts a Sync. From libpq 17 on it is flushed with the rest, before that at once.
  bool send_sync() noexcept;
  /// From `on_result`: `advance` ends although more results are to come. The next one goes on.
  void pause() noexcept { paused_ = true; }
  void go_on_later() noexcept { paused_ = false; }
  [[nodiscard]] bool paused() const noexcept { return paused_; }
  /// Notes that messages were put and not flushed.
  void unflushed() noexcept { flushed_ = false; }

  Connection& connection_;

 private:
  enum class Phase : std::uint8_t { unsent, clearing_up, talking, copying_out, over };

  Step begin();
  Step begin_cleared();
  [[gnu::cold]] Step clear_up(Ready ready);
  [[gnu::cold]] Step refuse(ErrorPtr error);
  Step go_on();
  Step put_out();
  /// False when the operation is over (phase_) or the connection lost.
  bool take_results();
  bool take_result(ResultPtr result);
  bool answer_is_here();
  [[gnu::cold]] void take_gathered(ResultPtr end);
  [[gnu::cold]] void gather(const PGresult* row);
  Step end_paused();
  [[gnu::cold]] bool take_failure(const PGresult* result);
  bool put_again();
  bool drain_copy_out();
  Step end();
  [[gnu::cold]] Step end_lost();

  ErrorPtr kept_error_;
  Phase phase_ = Phase::unsent;
  bool refused_ = false;  // nothing was sent
  bool flushed_ = false;
  bool answered_ = false;  // a NULL result has closed the last statement's results
  bool paused_ = false;
  bool refused_rows_ = false;  // the rows of the present statement
  GatheredRows rows_;          // of it, if the connection has a max_result_bytes
  std::unique_ptr<ClearUpOperation> clearing_up_;
};

}  // namespace copg::pq
