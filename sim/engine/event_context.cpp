#include "sim/engine/event_context.hpp"

#include <algorithm>

namespace copg::sim {

EventContext::~EventContext() {
  go_away();
  destroy();
}

void EventContext::wait(const void* of, int fd, bool to_write, Task task) {
  require_here();
  waits_.push_back({of, fd, to_write, std::move(task)});
}

void EventContext::cancel(const void* of) noexcept {
  for (Wait& wait : waits_) {
    if (wait.of == of) wait.ready = true;
  }
}

TimePoint EventContext::next() const noexcept {
  if (thread_.busy()) return thread_.next();
  TimePoint when = tasks_.empty() ? pool::never : World::here().now;
  for (const Wait& wait : waits_)
    when = std::min(when, wait.ready ? World::here().now : World::here().readable_at(wait.fd));
  return when;
}

bool EventContext::step(std::uint32_t choice) {
  if (thread_.busy()) {
    if (!thread_.can_go_on()) return false;
    thread_.go_on();
    return true;
  }
  const auto is_ready = [now = World::here().now](const Wait& wait) {
    return wait.ready || World::here().readable_at(wait.fd) <= now;
  };
  const auto ready = static_cast<std::size_t>(std::ranges::count_if(waits_, is_ready));
  const std::size_t things = ready + (tasks_.empty() ? 0 : 1);
  if (things == 0) return false;
  std::size_t chosen = choice % things;
  Task task;
  if (chosen == ready) {
    task = std::move(tasks_.front());
    tasks_.pop_front();
  } else {
    auto wait = std::ranges::find_if(waits_, is_ready);
    for (; chosen > 0; --chosen) wait = std::find_if(wait + 1, waits_.end(), is_ready);
    task = std::move(wait->task);
    waits_.erase(wait);
  }
  thread_.run([task = std::move(task)]() mutable {
    task();
    task = nullptr;
  });
  return true;
}

void EventContext::go_away() {
  if (std::exchange(gone_, true)) return;
  shutdown();
  services_gone_ = true;
  // What is destroyed may post more.
  while (!tasks_.empty() || !waits_.empty()) {
    const auto tasks = std::exchange(tasks_, {});
    const auto waits = std::exchange(waits_, {});
  }
}

}  // namespace copg::sim
