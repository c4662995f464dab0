// Ends what a session of the world's server runs.
#pragma once

#include <chrono>

#include "pq/cancel_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class AbortOperation final : public RoundTrip {
 public:
  explicit AbortOperation(Connection& connection, std::chrono::milliseconds /*before_cancel*/ = {})
      : RoundTrip(connection) {}
  Step advance(Ready /*ready*/) override {
    if (server_is_gone()) return end_lost();
    Step step;
    if (!over(step)) return step;
    cancel_and_forget(connection_);
    return Step::finished();
  }
};

}  // namespace scripted
}  // namespace copg::pq
