// Where the engine's background runs in its simulation: what it asks for is done when the simulation says so,
// in any order that a real place could choose.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

#include "engine/background_port.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

class SimulatedBackground final : public engine::BackgroundPort {
 public:
  void post(Task task) override { tasks_.push_back(std::move(task)); }
  void call_at(TimePoint time, Task task) override;
  std::shared_ptr<Wait> wait_until(TimePoint deadline, Listener& listener) override;
  [[nodiscard]] bool inside() const noexcept override { return depth_ > 0; }
  bool stop(TimePoint deadline) override;

  /// Does one of the things that it could do now. False: there is none.
  bool step(std::uint32_t choice);
  /// When it has something to do; pool::never: not by itself.
  [[nodiscard]] TimePoint next() const noexcept;
  [[nodiscard]] bool idle() const noexcept { return next() == pool::never; }

 private:
  class Waiting;

  void call(const Task& task);

  std::deque<Task> tasks_;
  Task alarm_;
  TimePoint alarm_at_ = pool::never;
  std::vector<std::weak_ptr<Waiting>> waits_;
  int depth_ = 0;
};

}  // namespace copg::sim
