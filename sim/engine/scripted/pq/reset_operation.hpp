// Makes a session of the world's server clean again.
#pragma once

#include <copg/pool_options.hpp>

#include "pq/round_trip.hpp"

namespace copg::pq {
inline namespace scripted {

class ResetOperation final : public RoundTrip {
 public:
  ResetOperation(Connection& connection, ResetMode /*mode*/) : RoundTrip(connection) {}
  [[nodiscard]] bool wiped() const noexcept { return false; }

 private:
  void arrive() override { connection_.wipe(); }
};

}  // namespace scripted
}  // namespace copg::pq
