// What is not simulated, since to the engine it is one more operation on a lease. Here so that its jobs
// compile.
#pragma once

#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class Unsimulated : public StatementOperation {
 public:
  Step advance(Ready /*ready*/) override { return Step::finished(); }
  [[nodiscard]] const char* phase() const noexcept override { return "done"; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override { return false; }

 protected:
  using StatementOperation::StatementOperation;
};

}  // namespace scripted
}  // namespace copg::pq
