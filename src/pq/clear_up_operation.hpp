// Ends what callers have kept open on a connection and left behind: cancels an exchange and drops its
// answers, closes portals. The session and an open transaction are as before.
#pragma once

#include <cstdint>
#include <optional>

#include "pq/abort_operation.hpp"
#include "pq/connection.hpp"
#include "pq/errors.hpp"
#include "pq/operation.hpp"

namespace copg::pq {

class ClearUpOperation final : public Operation {
 public:
  explicit ClearUpOperation(Connection& connection) : connection_(connection) {}

  Step advance(Ready ready) override;
  [[nodiscard]] const char* phase() const noexcept override;

 private:
  enum class Phase : std::uint8_t { start, abort, close, done };

  Step start();
  Step abort(Ready ready);
  Step close_portals();
  Step close();
  Step wait();
  Step end();
  Step end_lost();

  Connection& connection_;
  Phase phase_ = Phase::start;
  std::optional<AbortOperation> abort_;
};

/// The error of a statement on a connection where something is outstanding.
[[nodiscard, gnu::cold]] ErrorPtr connection_busy(const Connection& connection);

}  // namespace copg::pq
