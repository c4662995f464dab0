// One operation under way in the background: waits for its descriptor and advances it until it ends, its time
// is up, or it is stopped. For the background only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "engine/background_port.hpp"
#include "engine/clock.hpp"
#include "pq/operation.hpp"

namespace copg::engine {

class BackgroundTask final : private BackgroundPort::Listener {
 public:
  enum class End : std::uint8_t {
    done,
    timed_out,
    failed,  ///< The port could not wait for the descriptor: the process is out of resources.
  };
  using Ended = std::function<void(End)>;

  /// `ended` is called once, perhaps by `start`, and last of all, so that it may destroy the task.
  BackgroundTask(std::unique_ptr<pq::Operation> operation, Ended ended);
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;
  ~BackgroundTask() = default;

  void start(BackgroundPort& port, Duration timeout);
  /// Afterwards nothing is called, and the operation is not touched.
  void stop() noexcept;

  /// Why it failed; nothing if it did not. `too_slow`: the message for End::timed_out.
  [[nodiscard]] std::optional<ErrorInfo> take_error(End end, const char* too_slow);
  [[nodiscard]] pq::Operation& operation() noexcept { return *operation_; }
  [[nodiscard]] std::unique_ptr<pq::Operation> take_operation() noexcept { return std::move(operation_); }
  [[nodiscard]] TimePoint started_at() const noexcept { return started_at_; }

 private:
  void on_ready(pq::Ready ready) override;
  void on_deadline() override { end(End::timed_out); }
  void end(End how);

  std::unique_ptr<pq::Operation> operation_;
  Ended ended_;
  std::shared_ptr<BackgroundPort::Wait> wait_;
  TimePoint started_at_{};
};

}  // namespace copg::engine
