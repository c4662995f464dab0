// Abort, wipe, prove: a phase that has nothing to do is skipped.
#include "pq/reset_operation.hpp"

#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {

const char* ResetOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::start: return "starting a reset";
    case Phase::abort: return abort_.phase();
    case Phase::wipe: return "wiping the session";
    case Phase::done: return "reset done";
  }
  return "";
}

Step ResetOperation::advance(Ready ready) {
  switch (phase_) {
    case Phase::start: return start();
    case Phase::abort: return abort(ready);
    case Phase::wipe: return wipe();
    case Phase::done: break;
  }
  return Step::finished();
}

Step ResetOperation::start() {
  if (mode_ != ResetMode::rollback && connection_.session().beyond_wiping()) {
    return fail_for_good(
        "the session was given what no reset undoes (LOAD, setseed, a dblink connection, ...)");
  }
  phase_ = Phase::abort;
  return abort(Ready::none);
}

Step ResetOperation::abort(Ready ready) {
  const Step step = abort_.advance(ready);
  if (!step.done) return step;
  if (abort_.error() != nullptr) {
    phase_ = Phase::done;
    return fail(abort_.take_error());
  }
  return start_wipe();
}

Step ResetOperation::start_wipe() {
  const std::vector<const char*> statements = wipe_statements();
  if (statements.empty()) return prove();
  for (const char* statement : statements) wipe_text_.append(wipe_text_.empty() ? "" : ";").append(statement);
  connection_.operation_began();
  if (!send_wipe(statements)) return fail_lost();
  phase_ = Phase::wipe;
  return wait_for_answer();
}

std::vector<const char*> ResetOperation::wipe_statements() {
  const SessionState& session = connection_.session();
  const bool littered = mode_ != ResetMode::rollback && connection_.statements().littered();
  // DEALLOCATE ALL takes what a `configure` callback has prepared as well.
  const bool takes_configured = littered && session.prepared_in_sql();
  wiped_ = mode_ == ResetMode::full || (mode_ == ResetMode::tracked &&
                                        (abort_.dropped_answers() || session.changed() || takes_configured ||
                                         session.parameters_changed(connection_.raw())));
  std::vector<const char*> statements;
  if (connection_.in_transaction()) statements.push_back("ROLLBACK");
  if (littered || (wiped_ && session.prepared_in_sql())) statements.push_back("DEALLOCATE ALL");
  // DISCARD ALL, spelled out (its documentation lists the same), because it takes the statements that we have
  // prepared, too, and can't travel with a ROLLBACK. DISCARD PLANS is left out: nothing but time depends on
  // plans, and Pgpool-II takes it for the end of the statements that we have prepared.
  if (wiped_) {
    statements.insert(
        statements.end(),
        {"RESET ALL", "CLOSE ALL", "SET SESSION AUTHORIZATION DEFAULT", "RESET ROLE", "UNLISTEN *",
         "SELECT pg_catalog.pg_advisory_unlock_all()", "DISCARD TEMP", "DISCARD SEQUENCES"});
  }
  return statements;
}

// Each in a message of its own: Pgpool-II, which balances reads over servers, would send a text of several
// statements to the primary only, and the replica's session would keep what was set.
bool ResetOperation::send_wipe(const std::vector<const char*>& statements) {
  PGconn* conn = connection_.raw();
  if (PQenterPipelineMode(conn) != 1) return false;
  for (const char* statement : statements) {
    if (PQsendQueryParams(conn, statement, 0, nullptr, nullptr, nullptr, nullptr, 0) != 1) return false;
  }
  if (PQpipelineSync(conn) != 1) return false;
  connection_.sync_sent();
  return true;
}

Step ResetOperation::wipe() {
  PGconn* conn = connection_.raw();
  if (PQconsumeInput(conn) != 1) return fail_lost();
  while (PQisBusy(conn) == 0) {
    const ResultPtr result(PQgetResult(conn));
    if (result == nullptr) {  // between two statements
      if (!connection_.alive()) return fail_lost();
      continue;
    }
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_PIPELINE_SYNC) {
      connection_.sync_received();
      return PQexitPipelineMode(conn) == 1 ? prove() : fail_lost();
    }
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return fail_refused(result.get());
    connection_.note_statement(command_tag(result.get()), sql::TextTraits{});
  }
  return wait_for_answer();
}

Step ResetOperation::prove() {
  PGconn* conn = connection_.raw();
  if (!connection_.alive()) return fail_lost();
  connection_.operation_ended();
  connection_.notices().clear();
  if (wiped_) {
    connection_.wiped();
  } else if (mode_ == ResetMode::rollback) {
    connection_.session().set_baseline(conn);
  }
  if (!connection_.protocol_idle() || PQtransactionStatus(conn) != PQTRANS_IDLE) {
    return fail_for_good("the session could not be made idle");
  }
  phase_ = Phase::done;
  return Step::finished();
}

Step ResetOperation::wait_for_answer() {
  const int flushed = PQflush(connection_.raw());
  if (flushed < 0) return fail_lost();
  return Step::wait(connection_.fd(), connection_.awaits(flushed == 0));
}

Step ResetOperation::fail_lost() {
  phase_ = Phase::done;
  connection_.mark_dead();
  return fail(connection_lost(connection_.raw(), wipe_text_));
}

Step ResetOperation::fail_refused(const PGresult* result) {
  phase_ = Phase::done;
  ErrorPtr error = error_from(result, wipe_text_);
  error->connection_survives = false;
  if (error->kind == ErrorKind::connection_failed) connection_.mark_dead();
  return fail(std::move(error));
}

Step ResetOperation::fail_for_good(const char* why) {
  phase_ = Phase::done;
  return fail(connection_failed(why));
}

}  // namespace copg::pq
