// Not simulated.
#pragma once

#include <copg/row_source.hpp>

#include <cstdint>
#include <exception>
#include <string_view>

#include "pq/unsimulated.hpp"

namespace copg::pq {
inline namespace scripted {

class ExecuteManyOperation final : public Unsimulated {
 public:
  ExecuteManyOperation(Connection& /*connection*/, std::string_view sql, RowSource& /*rows*/,
                       BeginFirst /*begin*/)
      : Unsimulated(sql) {}
  [[nodiscard]] std::exception_ptr source_error() const noexcept { return nullptr; }
  [[nodiscard]] std::int64_t affected_rows() const noexcept { return 0; }
};

}  // namespace scripted
}  // namespace copg::pq
