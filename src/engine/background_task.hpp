// One operation on its way in the background: waits for its descriptor, advances it, until it ends, its time
// is up, or it is stopped. Everything happens on the background.
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
    failed,  ///< The descriptor could not be waited for: the process is out of something.
  };
  using Ended = std::function<void(End)>;

  /// `ended` is called once, perhaps from `start`. It may destroy the task, which does nothing after it.
  BackgroundTask(std::unique_ptr<pq::Operation> operation, Ended ended);
  BackgroundTask(const BackgroundTask&) = delete;
  BackgroundTask& operator=(const BackgroundTask&) = delete;
  ~BackgroundTask() = default;

  void start(BackgroundPort& port, Duration timeout);
  /// Nothing is called any more, and the operation is not touched again.
  void stop() noexcept;

  /// Why it ended without success; nothing if it had success. `too_slow` says what it means that time was up.
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
