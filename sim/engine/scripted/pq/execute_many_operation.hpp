// Not simulated: to the engine it is one more operation on a lease. Here so that its jobs compile.
#pragma once

#include <copg/row_source.hpp>

#include <cstdint>
#include <exception>
#include <string_view>

#include "pq/execute_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class ExecuteManyOperation final : public StatementOperation {
 public:
  ExecuteManyOperation(Connection& /*connection*/, std::string_view sql, RowSource& /*rows*/,
                       BeginFirst /*begin*/)
      : StatementOperation(sql) {}
  Step advance(Ready /*ready*/) override { return Step::finished(); }
  [[nodiscard]] const char* phase() const noexcept override { return "done"; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override { return false; }
  [[nodiscard]] std::exception_ptr source_error() const noexcept { return nullptr; }
  [[nodiscard]] std::int64_t affected_rows() const noexcept { return 0; }
};

}  // namespace scripted
}  // namespace copg::pq
