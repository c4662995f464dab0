// Waits on a connection that listens until a notification has come. It sends nothing, and may be dropped at
// any time: the connection stays protocol-idle.
#pragma once

#include "pq/connection.hpp"
#include "pq/listen_operation.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class NotificationOperation final : public Operation {
 public:
  /// `inbox` must outlive it.
  NotificationOperation(Connection& connection, Inbox& inbox) : connection_(connection), inbox_(inbox) {}

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override { return "waiting for notifications"; }

 private:
  Connection& connection_;
  Inbox& inbox_;
};

}  // namespace copg::pq
