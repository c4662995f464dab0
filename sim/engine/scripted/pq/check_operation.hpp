// Asks the world's server whether it is there.
#pragma once

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

class CheckOperation final : public RoundTrip {
 public:
  explicit CheckOperation(Connection& connection) : RoundTrip(connection) {}
};

}  // namespace scripted
}  // namespace copg::pq
