#include "pq/listen_operation.hpp"

#include <memory>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {

namespace {

struct FreeNotification {
  void operator()(PGnotify* notification) const noexcept { PQfreemem(notification); }
};

}  // namespace

void take_notifications(Connection& connection, Inbox& inbox) {
  for (;;) {
    const std::unique_ptr<PGnotify, FreeNotification> taken(PQnotifies(connection.raw()));
    if (!taken) return;
    inbox.push_back({.channel = taken->relname, .payload = taken->extra, .pid = taken->be_pid});
  }
}

ListenOperation::ListenOperation(Connection& connection, std::string text, Inbox& inbox)
    : connection_(connection), text_(std::move(text)), inbox_(inbox) {}

const char* ListenOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::send: return "sending LISTEN";
    case Phase::receive: return "waiting for the answer to LISTEN";
    case Phase::done: return "LISTEN done";
  }
  return "";
}

Step ListenOperation::advance(Ready) {
  switch (phase_) {
    case Phase::send: return send();
    case Phase::receive: return receive();
    case Phase::done: break;
  }
  return Step::finished();
}

Step ListenOperation::send() {
  if (!connection_.alive()) return lost();
  connection_.operation_began();
  if (PQsendQuery(connection_.raw(), text_.c_str()) != 1) return lost();
  phase_ = Phase::receive;
  return wait();
}

Step ListenOperation::receive() {
  PGconn* const conn = connection_.raw();
  if (PQconsumeInput(conn) != 1) return lost();
  while (PQisBusy(conn) == 0) {
    take_notifications(connection_, inbox_);
    const ResultPtr result(PQgetResult(conn));
    if (result == nullptr) {
      if (!connection_.alive()) return lost();
      take_notifications(connection_, inbox_);
      connection_.operation_ended();
      phase_ = Phase::done;
      return refused_ ? fail(std::move(refused_)) : Step::finished();
    }
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_TUPLES_OK) {
      if (value_.empty() && PQntuples(result.get()) > 0) value_ = PQgetvalue(result.get(), 0, 0);
    } else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY && !refused_) {
      refused_ = error_from(result.get(), text_);
      connection_.note_error(*refused_);
    }
  }
  return wait();
}

Step ListenOperation::wait() {
  const int flushed = PQflush(connection_.raw());
  if (flushed < 0) return lost();
  return Step::wait(connection_.fd(), connection_.awaits(flushed == 0));
}

Step ListenOperation::lost() {
  phase_ = Phase::done;
  connection_.mark_dead();
  return fail(connection_.final_error({}));
}

}  // namespace copg::pq
