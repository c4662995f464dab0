// The world's server knows no notifications: what listens there waits for the answer alone.
#pragma once

#include <copg/notification.hpp>

#include <string>
#include <vector>

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

using Inbox = std::vector<Notification>;

class ListenOperation final : public RoundTrip {
 public:
  ListenOperation(Connection& connection, std::string /*text*/, Inbox& /*inbox*/) : RoundTrip(connection) {}
  [[nodiscard]] const std::string& value() const noexcept { return value_; }

 private:
  std::string value_;
};

}  // namespace scripted
}  // namespace copg::pq
