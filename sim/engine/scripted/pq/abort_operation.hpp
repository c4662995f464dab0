// Ends what a session of the world's server runs, and finds out if the server has gone.
#pragma once

#include <chrono>

#include "pq/cancel_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class AbortOperation final : public CancelOperation {
 public:
  explicit AbortOperation(Connection& connection, std::chrono::milliseconds /*before_cancel*/ = {})
      : CancelOperation(connection, Road::the_connection) {}
};

}  // namespace scripted
}  // namespace copg::pq
