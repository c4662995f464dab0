// Makes a session of the world's server clean again.
#pragma once

#include <copg/pool_options.hpp>

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

class ResetOperation final : public RoundTrip {
 public:
  ResetOperation(Connection& connection, ResetMode /*mode*/) : RoundTrip(connection) {}
  Step advance(Ready /*ready*/) override {
    if (server_is_gone()) return end_lost();
    Step step;
    if (!over(step)) return step;
    connection_.wipe();
    return Step::finished();
  }
  [[nodiscard]] bool wiped() const noexcept { return false; }
};

}  // namespace scripted
}  // namespace copg::pq
