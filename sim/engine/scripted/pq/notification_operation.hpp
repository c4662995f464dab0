// Waits for a notification of the world's server.
#pragma once

#include "pq/listen_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class NotificationOperation final : public Operation {
 public:
  NotificationOperation(Connection& connection, Inbox& inbox) : connection_(connection), inbox_(inbox) {}

  Step advance(Ready /*ready*/) override {
    World& world = World::here();
    take_notifications(connection_, inbox_);
    if (!connection_.alive() || world.seen_gone(connection_.session_of_server())) {
      connection_.mark_dead();
      return fail(connection_.gone());
    }
    return inbox_.empty() ? Step::wait(connection_.fd(), Ready::read) : Step::finished();
  }
  [[nodiscard]] const char* phase() const noexcept override { return "waiting"; }

 private:
  Connection& connection_;
  Inbox& inbox_;
};

}  // namespace scripted
}  // namespace copg::pq
