#include "routing/host_probe.hpp"

#include <utility>

#include "engine/credentials_call.hpp"
#include "routing/probe_operation.hpp"

namespace copg::routing {

using End = engine::BackgroundTask::End;

HostProbe::HostProbe(const RoutingSetup& setup, const pq::Host& host)
    : setup_(setup),
      settings_{.keywords = config_of(setup.config, host).keywords(), .prepare = setup.options.prepare},
      unreturned_(std::make_shared<engine::UnreturnedCalls>()) {}

HostProbe::~HostProbe() {
  if (task_) task_->stop();
}

void HostProbe::abandon() noexcept {
  if (task_) {
    if (auto* const probe = dynamic_cast<ProbeOperation*>(&task_->operation())) probe->abandon();
    (void)task_.release();  // its waits are those of the parent's port
  }
  if (connection_) connection_->abandon();
  connection_.reset();
}

void HostProbe::ask(engine::BackgroundPort& port, Told told) {
  if (task_) task_->stop();
  task_.reset();
  if (connection_ || !setup_.options.credentials)
    return ask_with(port, std::move(told), settings_, setup_.cluster.probe_timeout);
  const TimePoint begin = engine::now();
  unreturned_->limit = setup_.options.num_workers;
  task_ = std::make_unique<engine::BackgroundTask>(
      std::make_unique<engine::CredentialsCall>(setup_.options, unreturned_),
      [this, &port, told = std::move(told), begin](End how) mutable {
        auto error = task_->take_error(how, "credentials did not return within the time for a probe");
        if (error) return std::exchange(told, nullptr)({.error = std::move(error->message)});
        auto settings = engine::with_credentials(
            settings_, static_cast<engine::CredentialsCall&>(task_->operation()).credentials());
        ask_with(port, std::move(told), std::move(settings),
                 setup_.cluster.probe_timeout - (engine::now() - begin));
      });
  task_->start(port, setup_.cluster.probe_timeout);
}

void HostProbe::ask_with(engine::BackgroundPort& port, Told told, pq::ConnectSettings settings,
                         Duration timeout) {
  task_ = std::make_unique<engine::BackgroundTask>(
      std::make_unique<ProbeOperation>(std::move(settings), std::move(connection_), last_),
      [this, told = std::move(told)](End how) { end(how, told); });
  task_->start(port, timeout);
}

void HostProbe::end(End how, const Told& told) {
  auto& operation = static_cast<ProbeOperation&>(task_->operation());
  Outcome outcome;
  if (auto error = task_->take_error(how, "it did not answer within the time for a probe")) {
    outcome.error = std::move(error->message);
  } else {
    outcome.seen = last_ = operation.observation();
    connection_ = operation.take_connection();
  }
  const Told tell = told;  // the task, which has it, ends here
  task_.reset();
  tell(std::move(outcome));
}

}  // namespace copg::routing
