// Where the engine's background runs in its simulation: on a thread that does what it was asked for when the
// simulation says so, in any order that a real place could choose.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "engine/background_port.hpp"
#include "sim/engine/thread.hpp"

namespace copg::sim {

class BackgroundThread {
 public:
  using Task = engine::BackgroundPort::Task;
  class Waiting;

  BackgroundThread() { thread_.be_background(); }

  /// Goes on with what it does, or else with one of the things that it could do now. False: there is none.
  bool step(std::uint32_t choice);
  /// When it has something to do; pool::never: not by itself.
  [[nodiscard]] TimePoint next() const noexcept;
  /// It was stopped, and does nothing any more.
  [[nodiscard]] bool is_over() const noexcept { return stopped_ && !thread_.busy(); }
  /// It was stopped while it had something to do.
  [[nodiscard]] bool stopped_early() const noexcept { return stopped_early_; }

 private:
  friend class SimulatedBackground;

  void run(Task task);

  Thread thread_;
  std::deque<Task> tasks_;
  Task alarm_;
  TimePoint alarm_at_ = pool::never;
  std::vector<std::weak_ptr<Waiting>> waits_;
  bool at_rest_ = true;
  Task then_;  // once it is at rest
  bool stopped_ = false;
  bool stopped_early_ = false;
};

class SimulatedBackground final : public engine::BackgroundPort {
 public:
  explicit SimulatedBackground(std::shared_ptr<BackgroundThread> place) : place_(std::move(place)) {}

  void post(Task task) override {
    if (!place_->stopped_) place_->tasks_.push_back(std::move(task));
  }
  void call_at(TimePoint time, Task task) override;
  std::shared_ptr<Wait> wait_until(TimePoint deadline, Listener& listener) override;
  [[nodiscard]] bool inside() const noexcept override { return Thread::here() == &place_->thread_; }
  bool stop(TimePoint deadline, Task then) override;

 private:
  const std::shared_ptr<BackgroundThread> place_;
};

}  // namespace copg::sim
