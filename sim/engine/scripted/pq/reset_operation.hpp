// Makes a session of the world's server clean again.
#pragma once

#include <copg/pool_options.hpp>

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

class ResetOperation final : public RoundTrip {
 public:
  ResetOperation(Connection& connection, ResetMode /*mode*/) : RoundTrip(connection) {}
  [[nodiscard]] bool wiped() const noexcept { return wiped_; }

 private:
  bool arrive() override {
    sim::Session& session = connection_.session_of_server();
    wiped_ = session.littered;
    if (wiped_) session.configured = false;
    connection_.wipe();
    return true;
  }

  bool wiped_ = false;
};

}  // namespace scripted
}  // namespace copg::pq
