// BEGIN if asked for, the statement, the data (of the derived class), the verdict.
#include "pq/copy_operation.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "pq/advice.hpp"
#include "pq/beginning.hpp"
#include "pq/errors.hpp"

namespace copg::pq {
namespace {

/// That the server has for the data on their way to it, and for its answer to CopyFail, before it is told to
/// hurry.
constexpr std::chrono::milliseconds patience_for_copy_fail{100};

}  // namespace

CopyOperation::CopyOperation(Connection& connection, std::string_view sql, ExecStatusType wanted,
                             BeginFirst begin)
    : StatementOperation(sql),
      connection_(connection),
      text_(sql),
      wanted_(wanted),
      begin_(begin),
      begin_alone_(begin ? Beginning{.command = begin->command,
                                     .read_only = begin->read_only,
                                     .resolve_commit = begin->resolve_commit}
                         : Beginning()),
      traits_(sql::text_traits(sql)) {}

CopyOperation::~CopyOperation() {
  if (sent_ && phase_ != Phase::done && !parked_) connection_.note_statement("", traits_);
}

const char* CopyOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::unsent: return "starting a COPY";
    case Phase::clearing_up: return clearing_up_->phase();
    case Phase::settings: return begin_operation_->phase();
    case Phase::begin: return "opening a transaction for a COPY";
    case Phase::start: return "waiting for a COPY to start";
    case Phase::data: return "copying";
    case Phase::verdict: return "waiting for the end of a COPY";
    case Phase::abort: return abort_->phase();
    case Phase::done: return "COPY done";
  }
  return "";
}

Step CopyOperation::advance(Ready ready) {
  parked_ = false;
  switch (phase_) {
    case Phase::unsent: return begin();
    case Phase::clearing_up: return clear_up(ready);
    case Phase::settings: return begin_with_settings(ready);
    case Phase::abort: return abort(ready);
    case Phase::done: return Step::finished();
    case Phase::begin:
    case Phase::start:
    case Phase::data:
    case Phase::verdict: break;
  }
  if (PQconsumeInput(raw()) != 1) return end_lost();
  return phase_ == Phase::data ? move() : collect();
}

Step CopyOperation::begin() {
  // The server would execute a query that writes before it is known that it copies the other way.
  const bool copies = wanted_ == PGRES_COPY_IN ? traits_.copies_in : traits_.copies_out;
  if (!copies || traits_.several) {
    return refuse(usage_error(wanted_ == PGRES_COPY_IN ? "copy_in takes one statement, COPY ... FROM STDIN"
                                                       : "copy_out takes one statement, COPY ... TO STDOUT",
                              sql_));
  }
  if (ErrorPtr refusal = unsendable(sql_)) return refuse(std::move(refusal));
  if (connection_.has_leftovers()) [[unlikely]] {
    clearing_up_ = std::make_unique<ClearUpOperation>(connection_);
    phase_ = Phase::clearing_up;
    return clear_up(Ready::none);
  }
  return begin_cleared();
}

// What a caller has left open, such as a stream, is ended first.
Step CopyOperation::clear_up(Ready ready) {
  const Step step = clearing_up_->advance(ready);
  if (!step.done) return step;
  ErrorPtr error = clearing_up_->take_error();
  clearing_up_.reset();
  return error != nullptr ? refuse(std::move(error)) : begin_cleared();
}

Step CopyOperation::begin_cleared() {
  if (!connection_.alive()) return end_lost();
  if (!connection_.protocol_idle()) return refuse(connection_busy(connection_));
  sent_ = true;
  if (begin_ && begin_->settings != nullptr) {
    phase_ = Phase::settings;
    begin_operation_.emplace(connection_, begin_->settings->sql, begin_->settings->params,
                             BeginFirst(&begin_alone_));
    return begin_with_settings(Ready::none);
  }
  connection_.operation_began();
  if (!begin_) return send(Phase::start, text_.c_str());
  connection_.transaction_begins(*begin_);
  return send(Phase::begin, begin_->command);
}

Step CopyOperation::begin_with_settings(Ready ready) {
  const Step step = begin_operation_->advance(ready);
  if (!step.done) return step;
  if (begin_operation_->error() != nullptr) return refuse(begin_operation_->take_error());
  begin_operation_.reset();
  connection_.operation_began();
  return send(Phase::start, text_.c_str());
}

Step CopyOperation::send(Phase phase, const char* text) {
  if (PQsendQuery(raw(), text) != 1) return end_lost();
  phase_ = phase;
  return wait();
}

Step CopyOperation::collect() {
  while (PQisBusy(raw()) == 0) {
    const ResultPtr result(PQgetResult(raw()));
    if (!connection_.alive()) return end_lost();
    if (result == nullptr) return on_idle();
    take_result(result.get());
    if (phase_ == Phase::data) return move();
    if (phase_ == Phase::abort) return abort(Ready::none);
  }
  return wait();
}

void CopyOperation::take_result(const PGresult* result) {
  const ExecStatusType status = PQresultStatus(result);
  if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
    if (phase_ == Phase::start && status == wanted_) {
      phase_ = Phase::data;
    } else {
      take_wrong_direction();
    }
    return;
  }
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
    const std::string_view tag = command_tag(result);
    connection_.note_statement(tag, phase_ == Phase::begin ? sql::TextTraits{} : traits_);
    if (tag.starts_with("COPY ")) std::from_chars(tag.data() + 5, tag.data() + tag.size(), rows_copied_);
    return;
  }
  connection_.note_statement("", traits_);
  keep_error(error_from(result, sql_));
}

// COPY ... TO STDOUT where data was to be sent, or the other way round.
void CopyOperation::take_wrong_direction() {
  keep_error(usage_error(wanted_ == PGRES_COPY_IN
                             ? "copy_in takes COPY ... FROM STDIN, this statement sends data"
                             : "copy_out takes COPY ... TO STDOUT, this statement asks for data",
                         sql_));
  connection_.note_statement("", traits_);
  abort_.emplace(connection_);
  phase_ = Phase::abort;
}

Step CopyOperation::move() {
  switch (move_data()) {
    case Moved::ended: phase_ = Phase::verdict; return collect();
    case Moved::waiting: return wait();
    case Moved::paused: return wait(true);
    case Moved::lost: return end_lost();
    case Moved::parked: return park();
    case Moved::aborted: break;
  }
  connection_.note_statement("", traits_);
  abort_.emplace(connection_,
                 wanted_ == PGRES_COPY_IN ? patience_for_copy_fail : std::chrono::milliseconds::zero());
  phase_ = Phase::abort;
  return abort(Ready::none);
}

// What it may leave in the session is noted now, since it may be dropped when its connection is another's.
Step CopyOperation::park() {
  if (!std::exchange(was_parked_, true)) connection_.note_statement("", traits_);
  parked_ = true;
  return Step::finished();
}

// The answers to a query have all come.
Step CopyOperation::on_idle() {
  if (phase_ == Phase::begin && !kept_error_) return send(Phase::start, text_.c_str());
  // A COPY from or to a file of the server has run without us, and counts as executed.
  if (phase_ == Phase::start && !kept_error_) {
    ErrorPtr error = usage_error("the statement copies neither from STDIN nor to STDOUT", sql_);
    error->kind = ErrorKind::data;
    tell_effect(*error,
                connection_.in_transaction() ? detail::Effect::in_transaction : detail::Effect::committed,
                "COPY");
    keep_error(std::move(error));
  }
  return end();
}

Step CopyOperation::abort(Ready ready) {
  const Step step = abort_->advance(ready);
  if (!step.done) return step;
  if (abort_->error() != nullptr) {
    phase_ = Phase::done;
    return fail(abort_->take_error());
  }
  return end();
}

// `more`: there is data to move as soon as the socket can be written to, also when all that was put has been
// sent: the server may have made room between two flushes.
Step CopyOperation::wait(bool more) {
  const int flushed = PQflush(raw());
  if (flushed < 0) return end_lost();
  return Step::wait(connection_.fd(), connection_.awaits(flushed == 0 && !more));
}

Step CopyOperation::refuse(ErrorPtr error) {
  phase_ = Phase::done;
  return fail(std::move(error));
}

Step CopyOperation::end() {
  phase_ = Phase::done;
  connection_.operation_ended();
  if (stream_error_) {
    return fail(usage_error(wanted_ == PGRES_COPY_IN ? "the source of a COPY threw an exception"
                                                     : "the sink of a COPY threw an exception",
                            sql_));
  }
  if (!kept_error_) return Step::finished();
  advise(*kept_error_);
  return fail(std::move(kept_error_));
}

Step CopyOperation::end_lost() {
  phase_ = Phase::done;
  connection_.mark_dead();
  if (kept_error_ && kept_error_->kind == ErrorKind::connection_failed) return fail(std::move(kept_error_));
  return fail(connection_.final_error(sql_));
}

// The first error is the cause of the others.
void CopyOperation::keep_error(ErrorPtr error) {
  connection_.note_error(*error);
  if (!kept_error_) kept_error_ = std::move(error);
}

}  // namespace copg::pq
