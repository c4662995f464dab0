// The world's server knows no notifications.
#pragma once

#include "pq/listen_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class NotificationOperation final : public RoundTrip {
 public:
  NotificationOperation(Connection& connection, Inbox& /*inbox*/) : RoundTrip(connection) {}
};

}  // namespace scripted
}  // namespace copg::pq
