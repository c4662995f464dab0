// COMMIT or ROLLBACK on the world's server.
#pragma once

#include <cstdint>

#include "pq/execute_operation.hpp"

namespace copg::pq {

enum class TransactionCommand : std::uint8_t { commit, rollback };

inline namespace scripted {

class TransactionOperation final : public StatementOperation {
 public:
  TransactionOperation(Connection& connection, TransactionCommand /*command*/)
      : StatementOperation("COMMIT"), connection_(connection), token_(World::here().new_token()) {}

  Step advance(Ready /*ready*/) override {
    if (!sent_) {
      if (!connection_.protocol_idle()) return fail(usage_error(still_busy, sql_));
      sent_ = connection_.send(token_, sim::Deed::ends);
      return sent_ ? Step::wait(connection_.fd(), Ready::read) : end_lost();
    }
    if (connection_.receive()) return Step::finished();
    return connection_.alive() ? Step::wait(connection_.fd(), Ready::read) : end_lost();
  }
  [[nodiscard]] const char* phase() const noexcept override { return sent_ ? "waiting" : "unsent"; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override { return sent_; }
  [[nodiscard]] bool commits() const noexcept override { return true; }

 private:
  Step end_lost() {
    connection_.mark_dead();
    return fail(connection_.gone());
  }

  Connection& connection_;
  const std::uint32_t token_;
  bool sent_ = false;
};

}  // namespace scripted
}  // namespace copg::pq
