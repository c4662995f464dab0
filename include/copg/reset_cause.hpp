// Why a connection went through a reset after a lease: what was found first, in this order.
#pragma once

#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

enum class ResetCause : std::uint8_t {
  unfinished,   ///< A statement had not ended, such as one that was given up at its deadline.
  transaction,  ///< A transaction was open.
  session,      ///< The session had changed: SET, a temporary table, LISTEN, a lock, ...
  always,       ///< Nothing was left, and ResetMode::full wipes after each lease.
  on_return,    ///< Nothing was left; the `on_return` function is told.
};

/// The enumerator's name.
[[nodiscard]] std::string_view to_string(ResetCause cause) noexcept;

}  // namespace copg
#pragma GCC visibility pop
