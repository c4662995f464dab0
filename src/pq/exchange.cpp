// The loop of every exchange: put, flush, read, take.
#include "pq/exchange.hpp"

#include <utility>

#include "pq/advice.hpp"
#include "pq/late_symbols.hpp"

namespace copg::pq {
namespace {

bool has(Ready set, Ready what) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(what)) == static_cast<unsigned>(what);
}

}  // namespace

const char* Exchange::phase() const noexcept {
  switch (phase_) {
    case Phase::unsent: return "not sent yet";
    case Phase::clearing_up: return clearing_up_->phase();
    case Phase::talking: return flushed_ ? "waiting for the answer" : "sending";
    case Phase::copying_out: return "draining a refused COPY";
    case Phase::over: return "done";
  }
  return "unknown";
}

Step Exchange::advance(Ready ready) {
  if (phase_ == Phase::over) return Step::finished();
  if (phase_ == Phase::unsent) return begin();
  if (phase_ == Phase::clearing_up) [[unlikely]]
    return clear_up(ready);
  // One recv(2) per readiness; what it brought is taken until libpq would wait again.
  const bool readable = has(ready, Ready::read) || connection_.holds_bytes();
  if (readable && PQconsumeInput(connection_.raw()) == 0) return end_lost();
  return go_on();
}

Step Exchange::begin() {
  if (connection_.has_leftovers() && clears_up()) [[unlikely]]
    return clear_up(Ready::none);
  return begin_cleared();
}

Step Exchange::begin_cleared() {
  if (!connection_.protocol_idle()) {
    return refuse(connection_.alive() ? busy() : connection_lost(connection_.raw(), sql_));
  }
  if (ErrorPtr refusal = check()) return refuse(std::move(refusal));
  phase_ = Phase::talking;
  connection_.operation_began();
  if (!send()) return end_lost();
  return put_out();
}

Step Exchange::clear_up(Ready ready) {
  if (!clearing_up_) clearing_up_ = std::make_unique<ClearUpOperation>(connection_);
  phase_ = Phase::clearing_up;
  const Step step = clearing_up_->advance(ready);
  if (!step.done) return step;
  ErrorPtr error = clearing_up_->take_error();
  clearing_up_.reset();
  if (error) {
    phase_ = Phase::over;
    return fail(std::move(error));
  }
  return begin_cleared();
}

Step Exchange::refuse(ErrorPtr error) {
  phase_ = Phase::over;
  refused_ = true;
  advise(*error);
  return fail(std::move(error));
}

Step Exchange::go_on() {
  if (!take_results()) return phase_ == Phase::over ? end() : end_lost();
  if (paused_) [[unlikely]]
    return end_paused();
  return put_out();
}

Step Exchange::put_out() {
  // A socket that takes everything at once must not keep an event loop from its other work.
  constexpr int max_rounds = 16;
  for (int rounds = 0;; ++rounds) {
    if (!flushed_) {
      const int left = PQflush(connection_.raw());
      // A failed write is not the end: the server's last words may still be read.
      flushed_ = left <= 0;
      if (left > 0) return Step::wait(connection_.fd(), Ready::read_write);
      if (connection_.lost()) return end_lost();  // there is no descriptor to wait for
    }
    if (rounds == max_rounds) return Step::wait(connection_.fd(), Ready::read_write);
    if (!send_more()) return end_lost();
    if (flushed_) return Step::wait(connection_.fd(), connection_.awaits(true));
    if (!take_results()) return phase_ == Phase::over ? end() : end_lost();
    if (paused_) [[unlikely]]
      return end_paused();
  }
}

bool Exchange::take_results() {
  PGconn* conn = connection_.raw();
  if (phase_ == Phase::copying_out && !drain_copy_out()) return true;
  while (!paused_ && answer_is_here()) {
    ResultPtr result(PQgetResult(conn));
    if (!result) {
      if (PQstatus(conn) != CONNECTION_OK) return false;
      if (PQpipelineStatus(conn) == PQ_PIPELINE_OFF) {
        connection_.operation_ended();
        if (!again()) {
          phase_ = Phase::over;
          return false;
        }
        if (!put_again()) return false;
        continue;
      }
      // Between the statements of a pipeline stands one NULL; a second one means that nothing more is in the
      // buffer.
      if (std::exchange(answered_, true)) return true;
      continue;
    }
    answered_ = false;
    if (!take_result(std::move(result))) return false;
    if (phase_ == Phase::copying_out && !drain_copy_out()) return true;
  }
  return true;
}

bool Exchange::answer_is_here() {
  PGconn* conn = connection_.raw();
  // For each statement anew, before its first row is parsed. libpq refuses it where it makes no sense.
  if (connection_.max_result_bytes() != 0 && !takes_single_rows()) [[unlikely]]
    static_cast<void>(PQsetSingleRowMode(conn));
  return PQisBusy(conn) == 0;
}

bool Exchange::take_result(ResultPtr result) {
  PGconn* conn = connection_.raw();
  const ExecStatusType status = PQresultStatus(result.get());
  switch (static_cast<int>(status)) {  // libpq's later versions have more of them
    case PGRES_PIPELINE_SYNC:
      connection_.sync_received();
      on_sync();
      if (connection_.syncs_pending() > 0) return true;
      if (PQexitPipelineMode(conn) == 0) return false;
      connection_.operation_ended();
      if (!again()) {
        phase_ = Phase::over;
        return false;
      }
      return put_again();
    case PGRES_PIPELINE_ABORTED: return true;
    case PGRES_COPY_IN:
      on_copy();
      flushed_ = false;
      return PQputCopyEnd(conn, "COPY was not expected here") == 1;
    case PGRES_COPY_OUT:
      on_copy();
      phase_ = Phase::copying_out;
      return true;
    case PGRES_COPY_BOTH: on_copy(); return false;
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR: return take_failure(result.get());
    case PGRES_EMPTY_QUERY:
    case PGRES_COMMAND_OK:
    case PGRES_NONFATAL_ERROR: on_result(std::move(result)); return true;
    case PGRES_TUPLES_OK:
      if (rows_.any() || refused_rows_) [[unlikely]] {
        take_gathered(std::move(result));
      } else {
        on_result(std::move(result));
      }
      return true;
    case PGRES_SINGLE_TUPLE:
      if (takes_single_rows()) {
        on_result(std::move(result));
      } else {
        gather(result.get());
      }
      return true;
    default: break;
  }
  if (status != rows_chunk) return false;
  on_result(std::move(result));  // which has asked for it
  return true;
}

/// The end of a statement whose rows came one by one.
void Exchange::take_gathered(ResultPtr end) {
  refused_rows_ = false;
  on_result(rows_.any() ? rows_.take_with(end.get()) : std::move(end));
}

void Exchange::gather(const PGresult* row) {
  if (refused_rows_) return;
  const std::size_t most = connection_.max_result_bytes();
  const bool too_large = rows_.bytes() + PQresultMemorySize(row) > most;
  if (!too_large && PQnfields(row) > 0) return rows_.add(row);
  refused_rows_ = true;
  ErrorPtr error = too_large ? result_too_large(rows_.size(), most, sql_) : rows_without_columns(sql_);
  static_cast<void>(rows_.take());
  on_refused_rows(std::move(error));
}

bool Exchange::take_failure(const PGresult* result) {
  static_cast<void>(rows_.take());
  refused_rows_ = false;
  ErrorPtr error = error_from(result, sql_);
  if (error->severity.empty() && !connection_.lost()) {
    // libpq's own trouble, such as no memory for the rows: the connection goes on.
    error->kind = ErrorKind::query_failed;
    error->connection_survives = true;
  }
  if (!error->connection_survives) {
    if (!answered()) keep_error(std::move(error));
    return false;
  }
  on_error(std::move(error), result);
  return true;
}

bool Exchange::put_again() {
  phase_ = Phase::talking;
  flushed_ = false;
  answered_ = false;
  connection_.operation_began();
  return send();
}

bool Exchange::drain_copy_out() {
  for (;;) {
    char* data = nullptr;
    const int size = PQgetCopyData(connection_.raw(), &data, 1);
    PQfreemem(data);
    if (size == 0) return false;
    if (size < 0) {
      phase_ = Phase::talking;
      return true;
    }
  }
}

std::size_t Exchange::bytes_of(const ParamsView& params) noexcept {
  constexpr std::size_t overhead_bytes = 32;
  constexpr std::size_t parameter_bytes = 6;  // its format and its length
  std::size_t bytes = overhead_bytes + parameter_bytes * static_cast<std::size_t>(params.size());
  for (int i = 0; i < params.size(); ++i) bytes += static_cast<std::size_t>(params.lengths()[i]);
  return bytes;
}

bool Exchange::send_plain(const char* sql) noexcept {
  return PQsendQueryParams(connection_.raw(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1;
}

bool Exchange::send_sync() noexcept {
  PGconn* conn = connection_.raw();
  const int put = has_send_pipeline_sync() ? PQsendPipelineSync(conn) : PQpipelineSync(conn);
  if (put != 1) return false;
  connection_.sync_sent();
  return true;
}

void Exchange::keep_error(ErrorPtr error) {
  const bool worse = has_kept_error() && kept_error_->connection_survives && !error->connection_survives;
  if (!has_kept_error() || worse) kept_error_ = std::move(error);
}

/// The exchange stays open, with an error if its rows were too many to be kept.
Step Exchange::end_paused() {
  if (!refused_rows_) return Step::finished();
  advise(*kept_error_);
  return fail(std::move(kept_error_));
}

Step Exchange::end() {
  phase_ = Phase::over;
  if (!kept_error_) return Step::finished();
  advise(*kept_error_);
  connection_.note_error(*kept_error_);
  return fail(std::move(kept_error_));
}

Step Exchange::end_lost() {
  if (answered()) {
    connection_.mark_dead();
    return end();
  }
  if (!has_kept_error() || kept_error_->connection_survives) keep_error(connection_.final_error(sql_));
  kept_error_ = lost(std::move(kept_error_));
  connection_.mark_dead();
  return end();
}

}  // namespace copg::pq
