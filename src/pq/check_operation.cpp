// The empty query: answered by every server and every pooler, in one round trip, without running anything.
#include "pq/check_operation.hpp"

#include "pq/errors.hpp"

namespace copg::pq {

const char* CheckOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::send: return "sending a check";
    case Phase::receive: return "waiting for the answer to a check";
    case Phase::done: return "check done";
  }
  return "";
}

Step CheckOperation::advance(Ready) {
  switch (phase_) {
    case Phase::send: return send();
    case Phase::receive: return receive();
    case Phase::done: break;
  }
  return Step::finished();
}

Step CheckOperation::send() {
  if (!connection_.alive()) return lost();
  connection_.operation_began();
  if (PQsendQuery(connection_.raw(), "") != 1) return lost();
  phase_ = Phase::receive;
  return wait();
}

Step CheckOperation::receive() {
  PGconn* conn = connection_.raw();
  if (PQconsumeInput(conn) != 1) return lost();
  while (PQisBusy(conn) == 0) {
    const ResultPtr result(PQgetResult(conn));
    if (result == nullptr) {
      if (!connection_.alive()) return lost();
      connection_.operation_ended();
      phase_ = Phase::done;
      return Step::finished();
    }
    if (PQresultStatus(result.get()) != PGRES_EMPTY_QUERY) {
      // Whatever else a server answers to nothing, it is not one to send statements to.
      ErrorPtr error = error_from(result.get(), "");
      error->connection_survives = false;
      connection_.note_error(*error);
      phase_ = Phase::done;
      return fail(std::move(error));
    }
  }
  return wait();
}

Step CheckOperation::wait() {
  const int flushed = PQflush(connection_.raw());
  if (flushed < 0) return lost();
  return Step::wait(connection_.fd(), connection_.awaits(flushed == 0));
}

Step CheckOperation::lost() {
  phase_ = Phase::done;
  connection_.mark_dead();
  return fail(connection_lost(connection_.raw(), ""));
}

}  // namespace copg::pq
