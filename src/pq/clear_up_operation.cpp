// An abort, then CLOSE for all portals at once; each only if there is something to end.
#include "pq/clear_up_operation.hpp"

#include <string>

namespace copg::pq {

ErrorPtr connection_busy(const Connection& connection) {
  const char* const open = connection.kept_open() != nullptr ? connection.kept_open()->what() : nullptr;
  if (open == nullptr) return usage_error(still_busy, {});
  return usage_error(std::string(open).append(still_open), {});
}

const char* ClearUpOperation::phase() const noexcept {
  switch (phase_) {
    case Phase::start: return "looking for what was left open";
    case Phase::abort: return abort_->phase();
    case Phase::close: return "closing what was left open";
    case Phase::done: return "nothing left open";
  }
  return "";
}

Step ClearUpOperation::advance(Ready ready) {
  switch (phase_) {
    case Phase::start: return start();
    case Phase::abort: return abort(ready);
    case Phase::close: return PQconsumeInput(connection_.raw()) == 1 ? close() : end_lost();
    case Phase::done: break;
  }
  return Step::finished();
}

Step ClearUpOperation::start() {
  KeptOpen* const kept = connection_.kept_open();
  if (kept == nullptr || !kept->keeps_exchange() || kept->what() != nullptr) return close_portals();
  kept->take_up_exchange();
  abort_.emplace(connection_);
  phase_ = Phase::abort;
  return abort(Ready::none);
}

Step ClearUpOperation::abort(Ready ready) {
  const Step step = abort_->advance(ready);
  if (!step.done) return step;
  if (abort_->error() == nullptr) return close_portals();
  phase_ = Phase::done;
  return fail(abort_->take_error());
}

Step ClearUpOperation::close_portals() {
  KeptOpen* const kept = connection_.kept_open();
  // A failed transaction takes no CLOSE, and its end closes them.
  if (kept == nullptr || !connection_.protocol_idle() || connection_.in_failed_transaction()) return end();
  std::string text;
  for (const std::string& portal : kept->take_portals_left()) text += "CLOSE " + portal + ";";
  if (text.empty()) return end();
  connection_.operation_began();
  if (PQsendQuery(connection_.raw(), text.c_str()) != 1) return end_lost();
  phase_ = Phase::close;
  return wait();
}

Step ClearUpOperation::close() {
  while (PQisBusy(connection_.raw()) == 0) {
    const ResultPtr result(PQgetResult(connection_.raw()));
    if (!connection_.alive()) return end_lost();
    if (result != nullptr) continue;  // a refusal fails the transaction, of which the next statement tells
    connection_.operation_ended();
    return end();
  }
  return wait();
}

Step ClearUpOperation::wait() {
  const int flushed = PQflush(connection_.raw());
  if (flushed < 0) return end_lost();
  return Step::wait(connection_.fd(), connection_.awaits(flushed == 0));
}

Step ClearUpOperation::end() {
  phase_ = Phase::done;
  return Step::finished();
}

Step ClearUpOperation::end_lost() {
  phase_ = Phase::done;
  connection_.mark_dead();
  return fail(connection_.final_error({}));
}

}  // namespace copg::pq
