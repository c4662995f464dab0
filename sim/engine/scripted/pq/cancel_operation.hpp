// Cancels what a session of the world's server runs.
#pragma once

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

inline void cancel_and_forget(Connection& connection) noexcept {
  World::here().cancel(connection.session_of_server());
}

class CancelOperation : public RoundTrip {
 public:
  explicit CancelOperation(Connection& connection) : CancelOperation(connection, Road::its_own) {}

 protected:
  CancelOperation(Connection& connection, Road road) : RoundTrip(connection, road) {}

 private:
  bool arrive() override { return cancel_and_forget(connection_), true; }
};

}  // namespace scripted
}  // namespace copg::pq
