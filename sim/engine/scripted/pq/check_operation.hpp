// Asks the world's server whether it is there.
#pragma once

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

class CheckOperation final : public RoundTrip {
 public:
  explicit CheckOperation(Connection& connection) : RoundTrip(connection) {}
  Step advance(Ready /*ready*/) override {
    if (server_is_gone()) return end_lost();
    Step step;
    return over(step) ? Step::finished() : step;
  }
};

}  // namespace scripted
}  // namespace copg::pq
