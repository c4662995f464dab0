#include "sim/engine/background.hpp"

#include <algorithm>
#include <utility>

namespace copg::sim {

class BackgroundThread::Waiting final : public engine::BackgroundPort::Wait {
 public:
  Waiting(TimePoint deadline, engine::BackgroundPort::Listener& listener)
      : deadline_(deadline), listener_(listener) {}

  bool wait(int fd, pq::Ready what) override {
    fd_ = fd;
    what_ = what;
    return true;
  }
  void stop() noexcept override {
    fd_ = -1;
    deadline_ = pool::never;
  }
  [[nodiscard]] TimePoint next() const noexcept { return std::min(deadline_, ready_at()); }
  void go_on() {
    if (next() > World::here().now) return;  // it was stopped
    if (ready_at() > World::here().now) return listener_.on_deadline();
    fd_ = -1;
    listener_.on_ready(what_);
  }

 private:
  [[nodiscard]] TimePoint ready_at() const noexcept {
    return fd_ < 0 ? pool::never : World::here().readable_at(fd_);
  }

  TimePoint deadline_;
  engine::BackgroundPort::Listener& listener_;
  int fd_ = -1;
  pq::Ready what_ = pq::Ready::none;
};

void SimulatedBackground::call_at(TimePoint time, Task task) {
  if (place_->stopped_) time = pool::never;
  place_->alarm_at_ = time;
  place_->alarm_ = time == pool::never ? Task() : std::move(task);
}

std::shared_ptr<engine::BackgroundPort::Wait> SimulatedBackground::wait_until(TimePoint deadline,
                                                                              Listener& listener) {
  auto waiting = std::make_shared<BackgroundThread::Waiting>(deadline, listener);
  if (!place_->stopped_) place_->waits_.push_back(waiting);
  return waiting;
}

bool SimulatedBackground::stop(TimePoint deadline, Task then) {
  const bool idle = place_->at_rest_ && place_->next() == pool::never;
  place_->stopped_early_ = place_->stopped_early_ || !idle;
  place_->stopped_ = true;
  place_->tasks_.clear();
  place_->waits_.clear();
  call_at(pool::never, {});
  if (inside()) return true;
  if (Thread::here() != nullptr) Thread::wait(place_->at_rest_, deadline);
  if (place_->at_rest_) return true;
  place_->then_ = std::move(then);
  return false;
}

void BackgroundThread::run(Task task) {
  at_rest_ = false;
  thread_.run([this, task = std::move(task)]() mutable {
    task();
    task = nullptr;
    at_rest_ = true;
    if (const Task last = std::exchange(then_, nullptr)) last();
  });
}

bool BackgroundThread::step(std::uint32_t choice) {
  if (thread_.busy()) {
    if (!thread_.can_go_on()) return false;
    thread_.go_on();
    return true;
  }
  const TimePoint time = World::here().now;
  std::erase_if(waits_, [](const auto& wait) { return wait.expired(); });
  std::vector<std::shared_ptr<Waiting>> ready;
  for (const auto& wait : waits_) {
    if (auto waiting = wait.lock(); waiting && waiting->next() <= time) ready.push_back(std::move(waiting));
  }
  const std::size_t things = ready.size() + (tasks_.empty() ? 0 : 1) + (alarm_at_ <= time ? 1 : 0);
  if (things == 0) return false;
  std::size_t chosen = choice % things;
  if (chosen < ready.size()) {
    run([waiting = std::move(ready[chosen])] { waiting->go_on(); });
    return true;
  }
  chosen -= ready.size();
  if (chosen == 0 && !tasks_.empty()) {
    Task task = std::move(tasks_.front());
    tasks_.pop_front();
    run(std::move(task));
  } else {
    alarm_at_ = pool::never;
    run(std::exchange(alarm_, {}));
  }
  return true;
}

TimePoint BackgroundThread::next() const noexcept {
  if (thread_.busy()) return thread_.next();
  TimePoint when = tasks_.empty() ? alarm_at_ : World::here().now;
  for (const auto& wait : waits_) {
    if (const auto waiting = wait.lock()) when = std::min(when, waiting->next());
  }
  return when;
}

}  // namespace copg::sim
