#include "engine/listening/listening_driver.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "codec/quoted_name.hpp"
#include "engine/connect_failures.hpp"
#include "engine/mends.hpp"
#include "pq/connect_operation.hpp"
#include "pq/notification_operation.hpp"

namespace copg::engine {

namespace {

constexpr std::string_view ask_session = "SELECT pg_catalog.pg_backend_pid()";

}  // namespace

ListeningDriver::ListeningDriver(const Setup& setup, Listening& room, pq::ConnectSettings settings,
                                 Surroundings around)
    : setup_(setup),
      room_(room),
      settings_(std::move(settings)),
      around_(std::move(around)),
      connect_timeout_(duration_of(setup.options.connect_timeout)) {}

void ListeningDriver::drive(BackgroundPort& port) {
  port_ = &port;
  for (;;) {
    const auto action = room_.with_core([](ListeningCore& core) { return core.next(now()); });
    switch (action.kind) {
      case ListeningCore::Action::Kind::none:
        if (connection_ && !task_) hear();
        return;
      case ListeningCore::Action::Kind::close: drop(); break;  // another may be wanted
      case ListeningCore::Action::Kind::connect: return connect();
      case ListeningCore::Action::Kind::send: return send(action);
    }
  }
}

void ListeningDriver::drop() noexcept {
  if (task_) task_->stop();
  task_.reset();
  sender_.reset();
  connection_.reset();
  inbox_.clear();
  fresh_.clear();
  session_.clear();
  pooled_ = false;
}

void ListeningDriver::abandon() noexcept {
  (void)task_.release();  // its waits are those of the parent's port
  if (connection_) connection_->abandon();
  if (sender_) sender_->abandon();
  drop();
}

/// `ended` is called on the background. What follows from its end is done right after it.
void ListeningDriver::run(std::unique_ptr<pq::Operation> operation, Duration timeout, Ended ended) {
  if (task_) task_->stop();
  task_ = std::make_unique<BackgroundTask>(std::move(operation),
                                           [this, again = around_.again(), ended](BackgroundTask::End end) {
                                             (this->*ended)(end);
                                             again();
                                           });
  task_->start(*port_, timeout);
}

// --- connecting

void ListeningDriver::connect() {
  present_ = settings_;
  if (setup_.options.credentials)
    return run(around_.ask_credentials(), connect_timeout_, &ListeningDriver::credentials_given);
  run(std::make_unique<pq::ConnectOperation>(present_), connect_timeout_, &ListeningDriver::connected);
}

void ListeningDriver::credentials_given(BackgroundTask::End end) {
  if (auto error = task_->take_error(end, "credentials did not return within connect_timeout"))
    return connect_failed(std::move(*error), pool::ConnectFailure::transient);
  present_ = with_credentials(settings_, static_cast<CredentialsCall&>(task_->operation()).credentials());
  run(std::make_unique<pq::ConnectOperation>(present_), connect_timeout_, &ListeningDriver::connected);
}

void ListeningDriver::connected(BackgroundTask::End end) {
  auto& operation = static_cast<pq::ConnectOperation&>(task_->operation());
  if (end == BackgroundTask::End::timed_out && operation.try_next_host())
    return run(task_->take_operation(), connect_timeout_, &ListeningDriver::connected);
  if (auto error = task_->take_error(end, "the server did not answer within connect_timeout")) {
    const bool told = end == BackgroundTask::End::done;
    return connect_failed(std::move(*error),
                          told ? failure_of(operation.failure()) : pool::ConnectFailure::transient);
  }
  connection_ = operation.take_connection();
  task_.reset();
  room_.with_core([](ListeningCore& core) { core.on_connected(); });
}

void ListeningDriver::connect_failed(ErrorInfo error, pool::ConnectFailure failure) {
  drop();
  room_.with_core([&](ListeningCore& core) { core.on_connect_failed(now(), failure, std::move(error)); });
}

// --- LISTEN and UNLISTEN

void ListeningDriver::send(const ListeningCore::Action& action) {
  std::string text;
  const auto put = [&](std::string_view command, const std::vector<std::string>& channels) {
    for (const std::string& channel : channels) {
      text += command;
      copg::detail::append_quoted_name(channel, text);
      text += ';';
    }
  };
  put("LISTEN ", action.listen);
  put("UNLISTEN ", action.unlisten);
  if (session_.empty() || pooled_) text += ask_session;
  run(std::make_unique<pq::ListenOperation>(*connection_, std::move(text), inbox_), connect_timeout_,
      &ListeningDriver::answered);
}

void ListeningDriver::answered(BackgroundTask::End end) {
  if (!went_well(end, "the server did not answer LISTEN within connect_timeout")) return;
  const std::string session = value();
  task_.reset();
  if (session_.empty() && !session.empty()) {
    session_ = session;
    pooled_ = session_ != std::to_string(connection_->backend_pid());
    if (pooled_) return probe();
  } else if (pooled_ && session != session_) {
    return refuse_pooler();
  }
  acknowledge();
}

/// What came with the answer was sent after it, or is of another channel.
void ListeningDriver::acknowledge() {
  if (!stands(Mend::heard_before_gap)) deliver();
  room_.with_core([](ListeningCore& core) { core.on_acknowledged(); });
  deliver();
}

std::string ListeningDriver::value() { return static_cast<pq::ListenOperation&>(task_->operation()).value(); }

// --- hearing

void ListeningDriver::hear() {
  run(std::make_unique<pq::NotificationOperation>(*connection_, inbox_), silence, &ListeningDriver::heard);
}

void ListeningDriver::heard(BackgroundTask::End end) {
  if (end == BackgroundTask::End::timed_out) return check();
  deliver();
  if (went_well(end, "")) task_.reset();
}

void ListeningDriver::check() {
  room_.with_core([](ListeningCore& core) { core.on_check_begins(); });
  run(std::make_unique<pq::ListenOperation>(*connection_, pooled_ ? std::string(ask_session) : "", inbox_),
      connect_timeout_, &ListeningDriver::answered);
}

void ListeningDriver::deliver() {
  if (inbox_.empty()) return;
  room_.with_core([this](ListeningCore& core) { core.on_notifications(inbox_); });
  inbox_.clear();
}

// --- what goes wrong

bool ListeningDriver::went_well(BackgroundTask::End end, const char* too_slow) {
  auto error = task_->take_error(end, too_slow);
  if (!error) return true;
  if (error->kind == ErrorKind::connection_failed) {
    lost(std::move(*error));
  } else {
    refused(std::move(*error));
  }
  return false;
}

void ListeningDriver::lost(ErrorInfo error) {
  drop();
  room_.with_core([&](ListeningCore& core) { core.on_lost(now(), std::move(error)); });
}

void ListeningDriver::refused(ErrorInfo error) {
  drop();
  room_.with_core([&](ListeningCore& core) { core.on_refused(now(), std::move(error)); });
}

}  // namespace copg::engine
