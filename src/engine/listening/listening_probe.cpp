// Whether notifications are heard through a pooler. In session mode they are. One in transaction mode runs
// LISTEN on a server connection that it gives to somebody else next, and what comes there reaches nobody.
//
// A second connection sends a notification to a channel of the probe's own. If it runs on the session that
// listens, or if nothing is heard, the pooler shares sessions.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/listening/listening_driver.hpp"
#include "engine/random_seed.hpp"
#include "pq/connect_operation.hpp"
#include "pq/notification_operation.hpp"

namespace copg::engine {

void ListeningDriver::probe() {
  probe_ = fmt::format("copg_probe_{:016x}", random_seed());
  run(std::make_unique<pq::ListenOperation>(
          *connection_, fmt::format("LISTEN {};SELECT pg_catalog.pg_backend_pid()", probe_), inbox_),
      connect_timeout_, &ListeningDriver::probe_listens);
}

void ListeningDriver::probe_listens(BackgroundTask::End end) {
  if (!went_well(end, "the pooler did not answer LISTEN within connect_timeout")) return;
  if (value() != session_) return refuse_pooler();
  run(std::make_unique<pq::ConnectOperation>(present_), connect_timeout_, &ListeningDriver::probe_connected);
}

void ListeningDriver::probe_connected(BackgroundTask::End end) {
  auto& operation = static_cast<pq::ConnectOperation&>(task_->operation());
  if (auto error = task_->take_error(end, "the pooler did not answer within connect_timeout"))
    return connect_failed(std::move(*error), pool::ConnectFailure::transient);
  sender_ = operation.take_connection();
  run(std::make_unique<pq::ListenOperation>(
          *sender_, fmt::format("SELECT pg_catalog.pg_backend_pid(), pg_catalog.pg_notify('{}', '')", probe_),
          inbox_),
      connect_timeout_, &ListeningDriver::probe_sent);
}

void ListeningDriver::probe_sent(BackgroundTask::End end) {
  if (!went_well(end, "the pooler did not answer within connect_timeout")) return;
  const bool shared = value() == session_;
  task_.reset();
  sender_.reset();
  if (shared) return refuse_pooler();
  probe_until_ = after(now(), connect_timeout_);
  probe_waits();
}

void ListeningDriver::probe_waits() {
  const auto mine = [this](const Notification& it) { return it.channel == probe_; };
  if (std::ranges::any_of(inbox_, mine)) {
    std::erase_if(inbox_, mine);
    return run(std::make_unique<pq::ListenOperation>(*connection_, "UNLISTEN " + probe_, inbox_),
               connect_timeout_, &ListeningDriver::probe_ended);
  }
  const Duration left = probe_until_ - now();
  if (left <= Duration::zero()) return refuse_pooler();
  // An inbox of its own, so that the operation waits for something new.
  run(std::make_unique<pq::NotificationOperation>(*connection_, fresh_), left, &ListeningDriver::probe_heard);
}

void ListeningDriver::probe_heard(BackgroundTask::End end) {
  if (end == BackgroundTask::End::timed_out) return refuse_pooler();
  if (!went_well(end, "")) return;
  std::ranges::move(fresh_, std::back_inserter(inbox_));
  fresh_.clear();
  probe_waits();
}

void ListeningDriver::probe_ended(BackgroundTask::End end) {
  if (!went_well(end, "the pooler did not answer UNLISTEN within connect_timeout")) return;
  task_.reset();
  acknowledge();
}

void ListeningDriver::refuse_pooler() {
  refused({.kind = ErrorKind::configuration,
           .message = "a pooler gives each transaction another session, in which nobody hears notifications: "
                      "listen with a pool that goes to the server itself, or to a pooler in session mode",
           .connection_survives = false});
}

}  // namespace copg::engine
