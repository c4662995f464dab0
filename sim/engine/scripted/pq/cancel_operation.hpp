// Cancels what a session of the world's server runs.
#pragma once

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

inline void cancel_and_forget(Connection& connection) noexcept {
  World::here().cancel(connection.session_of_server());
}

class CancelOperation final : public RoundTrip {
 public:
  explicit CancelOperation(Connection& connection) : RoundTrip(connection) {}
  Step advance(Ready /*ready*/) override {
    Step step;
    if (!over(step)) return step;
    cancel_and_forget(connection_);
    return Step::finished();
  }
};

}  // namespace scripted
}  // namespace copg::pq
