// Look, cancel, drain, fence: in that order, each only if the one before has left something to do.
#include "pq/abort_operation.hpp"

#include <algorithm>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {

const char* AbortOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::look: return "looking for outstanding answers";
    case Phase::cancel: return "cancelling what is outstanding";
    case Phase::drain: return "dropping outstanding answers";
    case Phase::fence: return "making sure that the cancel is over";
    case Phase::done: return "nothing outstanding";
  }
  return "";
}

Step AbortOperation::advance(Ready ready) {
  switch (phase_) {
    case Phase::look: return look();
    case Phase::cancel: return cancel(ready);
    case Phase::drain:
    case Phase::fence: return drain();
    case Phase::done: break;
  }
  return Step::finished();
}

Step AbortOperation::look() {
  if (!connection_.alive()) return fail_lost();
  if (connection_.protocol_idle()) return end();
  dropped_answers_ = true;
  end_pipeline();
  // What has come in already may be all there is: then there is nothing to cancel.
  if (PQconsumeInput(connection_.raw()) != 1) return fail_lost();
  switch (drop_answers()) {
    case Drained::idle: return end();
    case Drained::lost: return fail_lost();
    case Drained::waiting: break;
  }
  // The end of a COPY or of a pipeline should be on its way before the server is told to hurry.
  if (PQflush(connection_.raw()) < 0) return fail_lost();
  if (before_cancel_.count() == 0) return start_cancel();
  patience_.start(before_cancel_);
  phase_ = Phase::drain;
  return wait_for_answer();
}

Step AbortOperation::start_cancel() {
  cancel_.emplace(connection_);
  phase_ = Phase::cancel;
  return cancel(Ready::none);
}

Step AbortOperation::cancel(Ready ready) {
  // Nothing is read meanwhile: a server that floods us stops at full buffers, and hears the cancel as soon as
  // they are drained.
  const Step step = cancel_->advance(ready);
  if (!step.done) return step;
  if (cancel_->error() != nullptr) {
    // The request may still be on its way, and would hit a later statement.
    phase_ = Phase::done;
    connection_.mark_dead();
    return fail(cancel_->take_error());
  }
  patience_.start(next_patience_);
  next_patience_ = std::min(2 * next_patience_, max_patience);
  phase_ = Phase::drain;
  return drain();
}

Step AbortOperation::drain() {
  if (PQconsumeInput(connection_.raw()) != 1) return fail_lost();
  switch (drop_answers()) {
    case Drained::waiting:
      if (phase_ == Phase::drain && cancel_ && std::exchange(one_ended_, false)) {
        next_patience_ = patience_for_next;
        patience_.start(next_patience_);
      }
      if (phase_ == Phase::drain && patience_.passed()) return start_cancel();
      return wait_for_answer();
    case Drained::lost: return fail_lost();
    case Drained::idle: break;
  }
  if (phase_ == Phase::fence || !cancel_) return end();
  // The server signals the backend before it closes the cancel's socket, and that is closed: a signal too
  // late for the answers above is pending before this query is read. Whether it ends this one or finds
  // nothing, it is spent.
  if (PQsendQuery(connection_.raw(), "") != 1) return fail_lost();
  phase_ = Phase::fence;
  return wait_for_answer();
}

Step AbortOperation::end() {
  connection_.operation_ended();
  phase_ = Phase::done;
  return Step::finished();
}

Step AbortOperation::wait_for_answer() {
  const int flushed = PQflush(connection_.raw());
  if (flushed < 0) return fail_lost();
  const Ready what = connection_.awaits(flushed == 0);
  return phase_ == Phase::drain ? patience_.wait(connection_.fd(), what) : Step::wait(connection_.fd(), what);
}

Step AbortOperation::fail_lost() {
  phase_ = Phase::done;
  connection_.mark_dead();
  return fail(connection_lost(connection_.raw(), ""));
}

// A dropped pipeline may stand in front of no Sync at all, and a Sync would commit what it has done so far:
// half of an execute_many. So it is rolled back first. Where there is nothing to roll back, the server warns
// and goes on.
void AbortOperation::end_pipeline() {
  PGconn* conn = connection_.raw();
  if (PQpipelineStatus(conn) == PQ_PIPELINE_OFF) return;
  // libpq refuses both within a COPY. drop_answers then gives the connection up: no Sync would ever come
  // back.
  pipeline_ended_ = PQsendQueryParams(conn, "ROLLBACK", 0, nullptr, nullptr, nullptr, nullptr, 0) == 1 &&
                    PQpipelineSync(conn) == 1;
  if (pipeline_ended_) connection_.sync_sent();
}

// Asked after each Sync that came back. libpq refuses as long as anything is outstanding.
bool AbortOperation::left_pipeline() {
  if (!pipeline_ended_ || PQexitPipelineMode(connection_.raw()) != 1) return false;
  while (connection_.syncs_pending() > 0) connection_.sync_received();
  return true;
}

AbortOperation::Drained AbortOperation::drop_answers() {
  PGconn* conn = connection_.raw();
  while (PQisBusy(conn) == 0) {
    const ResultPtr result(PQgetResult(conn));
    if (!connection_.alive()) return Drained::lost;
    if (result == nullptr) {
      if (PQpipelineStatus(conn) == PQ_PIPELINE_OFF) return Drained::idle;
      if (!pipeline_ended_) return Drained::lost;
      continue;  // between two statements of the pipeline
    }
    const Drained dropped = drop_result(result.get());
    if (dropped != Drained::idle) return dropped;
    if (PQresultStatus(result.get()) == PGRES_PIPELINE_SYNC && left_pipeline()) return Drained::idle;
  }
  PQsetSingleRowMode(conn);  // keeps no rows, if none has come yet; refused otherwise
  return Drained::waiting;
}

// Idle: go on with the next.
AbortOperation::Drained AbortOperation::drop_result(const PGresult* result) {
  switch (static_cast<int>(PQresultStatus(result))) {  // libpq's later versions have more of them
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK: connection_.note_statement(command_tag(result), sql::TextTraits{}); break;
    case PGRES_PIPELINE_SYNC:
      if (connection_.syncs_pending() > 0) connection_.sync_received();
      break;
    case PGRES_COPY_OUT: return drop_copy_out();
    case PGRES_COPY_IN: return end_copy_in();
    case PGRES_COPY_BOTH: return Drained::lost;  // replication: no statement ends it
    case PGRES_FATAL_ERROR: one_ended_ = true; break;
    case PGRES_EMPTY_QUERY:
    case PGRES_BAD_RESPONSE:
    case PGRES_NONFATAL_ERROR:
    case PGRES_SINGLE_TUPLE:
    case PGRES_PIPELINE_ABORTED:
    default: break;  // rows_chunk
  }
  return Drained::idle;
}

AbortOperation::Drained AbortOperation::drop_copy_out() {
  char* data = nullptr;
  while (true) {
    const int size = PQgetCopyData(connection_.raw(), &data, 1);
    if (size == 0) return Drained::waiting;
    if (size < 0) return size == -1 ? Drained::idle : Drained::lost;
    PQfreemem(data);
  }
}

AbortOperation::Drained AbortOperation::end_copy_in() {
  switch (PQputCopyEnd(connection_.raw(), "given up by the caller")) {
    case 1: return Drained::idle;
    case 0: return Drained::waiting;
    default: return Drained::lost;
  }
}

}  // namespace copg::pq
