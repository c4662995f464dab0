#include "engine/background_task.hpp"

#include <utility>

namespace copg::engine {

BackgroundTask::BackgroundTask(std::unique_ptr<pq::Operation> operation, Ended ended)
    : operation_(std::move(operation)), ended_(std::move(ended)) {}

void BackgroundTask::start(BackgroundPort& port, Duration timeout) {
  started_at_ = now();
  wait_ = port.wait_until(after(started_at_, timeout), *this);
  on_ready(pq::Ready::none);
}

void BackgroundTask::stop() noexcept { wait_->stop(); }

std::optional<ErrorInfo> BackgroundTask::take_error(End end, const char* too_slow) {
  ErrorInfo info{.kind = ErrorKind::connection_failed, .connection_survives = false};
  switch (end) {
    case End::done:
      if (operation_->error() == nullptr) return std::nullopt;
      return std::move(*operation_->take_error());
    case End::timed_out: info.message = too_slow; break;
    case End::failed: info.message = "the socket could not be waited for"; break;
  }
  return info;
}

void BackgroundTask::on_ready(pq::Ready ready) {
  const pq::Step step = operation_->advance(ready);
  if (step.done) return end(End::done);
  if (!wait_->wait(step.fd, step.wait_for)) end(End::failed);
}

void BackgroundTask::end(End how) {
  stop();
  std::exchange(ended_, nullptr)(how);
}

}  // namespace copg::engine
