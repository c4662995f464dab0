// Asks one host what it is: on the connection that is kept for that, or, if there is none or it turns out
// dead, on a new one.
//
// The deadline is the caller's, for all of it.
#pragma once

#include <copg/params.hpp>

#include <memory>
#include <optional>

#include "cluster/types.hpp"
#include "pq/connect_operation.hpp"
#include "pq/connect_settings.hpp"
#include "pq/connection.hpp"
#include "pq/execute_operation.hpp"
#include "pq/operation.hpp"

namespace copg::routing {

class ProbeOperation final : public pq::Operation {
 public:
  /// `settings` name one host. `kept`: the connection of the last probe, at rest; nullptr: there is none.
  /// `last`: the last answer, if there was one. A standby forgets the timeline that it receives when it loses
  /// its primary, and does not go back to an older one before it is started again.
  ProbeOperation(pq::ConnectSettings settings, std::unique_ptr<pq::Connection> kept,
                 std::optional<cluster::Observation> last);
  ~ProbeOperation() override;

  pq::Step advance(pq::Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

  /// After `done` without an error.
  [[nodiscard]] const cluster::Observation& observation() const noexcept { return seen_; }
  /// After `done` without an error, once: for the next probe.
  [[nodiscard]] std::unique_ptr<pq::Connection> take_connection() noexcept { return std::move(connection_); }
  /// In a forked child: leaves the parent's socket alone.
  void abandon() noexcept;

 private:
  pq::Step connect();
  pq::Step connected(pq::Ready ready);
  pq::Step ask();
  pq::Step asked(pq::Ready ready);

  pq::ConnectSettings settings_;
  const Params none_;
  std::unique_ptr<pq::Connection> connection_;
  // The operations go before the connection that they use.
  std::unique_ptr<pq::ConnectOperation> connecting_;
  std::unique_ptr<pq::ExecuteOperation> asking_;
  const std::optional<cluster::Observation> last_;
  cluster::Observation seen_{};
  bool fresh_ = false;  // the connection was made by this operation
};

}  // namespace copg::routing
