// The wait of the background for the next connection that its server hangs up on. For the background only.
#pragma once

#include <functional>
#include <memory>

#include "engine/background_port.hpp"
#include "engine/hang_ups.hpp"

namespace copg::engine {

class HangUpWatch final : private BackgroundPort::Listener {
 public:
  using Told = std::function<void()>;

  /// `told` is called when there is something to take from `hang_ups`; it must not destroy the watch.
  HangUpWatch(HangUps& hang_ups, Told told);
  HangUpWatch(const HangUpWatch&) = delete;
  HangUpWatch& operator=(const HangUpWatch&) = delete;
  /// Afterwards nothing is called.
  ~HangUpWatch();

  /// False: the port can't wait, because the process is out of resources.
  [[nodiscard]] bool start(BackgroundPort& port);

 private:
  void on_ready(pq::Ready ready) override;
  void on_deadline() override {}

  HangUps& hang_ups_;
  Told told_;
  std::shared_ptr<BackgroundPort::Wait> wait_;
};

}  // namespace copg::engine
