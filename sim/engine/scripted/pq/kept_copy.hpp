// COPY that stays open between calls does not exist on the world's server: each step is a statement.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "pq/execute_operation.hpp"

namespace copg::pq {

class KeptCopy {
 public:
  explicit KeptCopy(std::string sql) : sql_(std::move(sql)) {}
  [[nodiscard]] const std::string& sql() const noexcept { return sql_; }
  [[nodiscard]] static std::int64_t rows_copied() noexcept { return 0; }
  [[nodiscard]] static std::string take_data() { return {}; }

 private:
  const std::string sql_;
};

inline namespace scripted {

enum class CopyWish : std::uint8_t { begin, write, read, finish, give_up };

class CopyStep final : public OneStatement {
 public:
  CopyStep(Connection& connection, KeptCopy& copy, CopyWish /*wish*/, std::string_view /*data*/,
           BeginFirst begin)
      : OneStatement(connection, copy.sql(), World::here().new_token(), begin) {}
};

}  // namespace scripted
}  // namespace copg::pq
