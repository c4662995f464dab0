// The probes of one host: the connection that is kept for them, and the probe under way. For the background
// only.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cluster/types.hpp"
#include "engine/background_port.hpp"
#include "engine/background_task.hpp"
#include "engine/user_call.hpp"
#include "pq/connect_settings.hpp"
#include "pq/connection.hpp"
#include "routing/setup.hpp"

namespace copg::routing {

class HostProbe {
 public:
  /// What a probe has found: an answer, or why there is none.
  struct Outcome {
    std::optional<cluster::Observation> seen{};
    std::string error{};
  };
  using Told = std::function<void(Outcome)>;

  HostProbe(const RoutingSetup& setup, const pq::Host& host);
  HostProbe(const HostProbe&) = delete;
  HostProbe& operator=(const HostProbe&) = delete;
  /// Drops what is under way.
  ~HostProbe();

  /// Asks; a probe that is under way is dropped, and so is its connection. `told` is called once, perhaps by
  /// `ask`, unless this probe is dropped.
  void ask(engine::BackgroundPort& port, Told told);
  /// In a forked child: leaves the parent's sockets alone.
  void abandon() noexcept;

 private:
  void ask_with(engine::BackgroundPort& port, Told told, pq::ConnectSettings settings, Duration timeout);
  void end(engine::BackgroundTask::End end, const Told& told);

  const RoutingSetup& setup_;
  const pq::ConnectSettings settings_;
  std::shared_ptr<engine::UnreturnedCalls> unreturned_;
  std::unique_ptr<pq::Connection> connection_;
  std::optional<cluster::Observation> last_;
  std::unique_ptr<engine::BackgroundTask> task_;
};

}  // namespace copg::routing
