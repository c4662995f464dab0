#include "sim/engine/background.hpp"

#include <algorithm>
#include <utility>

namespace copg::sim {

class SimulatedBackground::Waiting final : public Wait {
 public:
  Waiting(TimePoint deadline, Listener& listener) : deadline_(deadline), listener_(listener) {}

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
    if (ready_at() > World::here().now) return listener_.on_deadline();
    fd_ = -1;
    listener_.on_ready(what_);
  }

 private:
  [[nodiscard]] TimePoint ready_at() const noexcept {
    return fd_ < 0 ? pool::never : World::here().readable_at(fd_);
  }

  TimePoint deadline_;
  Listener& listener_;
  int fd_ = -1;
  pq::Ready what_ = pq::Ready::none;
};

void SimulatedBackground::call_at(TimePoint time, Task task) {
  alarm_at_ = time;
  alarm_ = time == pool::never ? Task() : std::move(task);
}

std::shared_ptr<engine::BackgroundPort::Wait> SimulatedBackground::wait_until(TimePoint deadline,
                                                                              Listener& listener) {
  auto waiting = std::make_shared<Waiting>(deadline, listener);
  waits_.push_back(waiting);
  return waiting;
}

bool SimulatedBackground::stop(TimePoint /*deadline*/) {
  tasks_.clear();
  call_at(pool::never, {});
  return true;
}

void SimulatedBackground::call(const Task& task) {
  ++depth_;
  task();
  --depth_;
}

bool SimulatedBackground::step(std::uint32_t choice) {
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
    call([&] { ready[chosen]->go_on(); });
    return true;
  }
  chosen -= ready.size();
  if (chosen == 0 && !tasks_.empty()) {
    const Task task = std::move(tasks_.front());
    tasks_.pop_front();
    call(task);
  } else {
    alarm_at_ = pool::never;
    call(std::exchange(alarm_, {}));
  }
  return true;
}

TimePoint SimulatedBackground::next() const noexcept {
  TimePoint when = tasks_.empty() ? alarm_at_ : World::here().now;
  for (const auto& wait : waits_) {
    if (const auto waiting = wait.lock()) when = std::min(when, waiting->next());
  }
  return when;
}

}  // namespace copg::sim
