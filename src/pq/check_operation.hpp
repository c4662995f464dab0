// Proves that the server answers on this connection: one empty round trip, no statement executed.
//
// The connection must be protocol-idle; it may be in a transaction. Afterwards it is unchanged, or dead.
#pragma once

#include "pq/connection.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class CheckOperation : public Operation {
 public:
  explicit CheckOperation(Connection& connection) : connection_(connection) {}

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

 private:
  enum class Phase : std::uint8_t { send, receive, done };

  Step send();
  Step receive();
  Step wait();
  Step lost();

  Connection& connection_;
  Phase phase_ = Phase::send;
};

}  // namespace copg::pq
