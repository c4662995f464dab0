#include "routing/probe_operation.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include "pq/errors.hpp"
#include "routing/observation.hpp"

namespace copg::routing {

ProbeOperation::ProbeOperation(pq::ConnectSettings settings, std::unique_ptr<pq::Connection> kept,
                               std::optional<cluster::Observation> last)
    : settings_(std::move(settings)), connection_(std::move(kept)), last_(last) {}

ProbeOperation::~ProbeOperation() = default;

void ProbeOperation::abandon() noexcept {
  if (connection_) connection_->abandon();
}

const char* ProbeOperation::phase() const noexcept {
  if (connecting_) return connecting_->phase();
  return asking_ ? "asking a host what it is" : "not started yet";
}

pq::Step ProbeOperation::advance(pq::Ready ready) {
  if (asking_) return asked(ready);
  if (connecting_) return connected(ready);
  return connection_ && connection_->alive() && connection_->at_rest() ? ask() : connect();
}

pq::Step ProbeOperation::connect() {
  asking_.reset();
  connection_.reset();
  fresh_ = true;
  connecting_ = std::make_unique<pq::ConnectOperation>(settings_);
  return connected(pq::Ready::none);
}

pq::Step ProbeOperation::connected(pq::Ready ready) {
  const pq::Step step = connecting_->advance(ready);
  if (!step.done) return step;
  if (connecting_->error() != nullptr) return fail(connecting_->take_error());
  connection_ = connecting_->take_connection();
  connecting_.reset();
  return ask();
}

pq::Step ProbeOperation::ask() {
  asking_ = std::make_unique<pq::ExecuteOperation>(*connection_, probe_text, none_);
  return asked(pq::Ready::none);
}

/// Whatever is wrong with a connection that was kept, a new one tells more of the host.
pq::Step ProbeOperation::asked(pq::Ready ready) {
  const pq::Step step = asking_->advance(ready);
  if (!step.done) return step;
  pq::ErrorPtr error = asking_->take_error();
  if (!error) {
    const auto seen = observation_in(asking_->take_result());
    asking_.reset();
    if (seen) {
      seen_ = *seen;
      if (last_ && last_->system == seen_.system && last_->instance == seen_.instance)
        seen_.timeline = std::max(seen_.timeline, last_->timeline);
      return pq::Step::finished();
    }
    error = pq::connection_failed("the server does not say whether it is a primary or a standby");
  }
  if (!fresh_) return connect();
  asking_.reset();
  connection_.reset();
  return fail(std::move(error));
}

}  // namespace copg::routing
