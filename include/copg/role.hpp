// Which of several servers a call goes to.
#pragma once

#include <copg/write_token.hpp>

#include <chrono>
#include <cstdint>
#include <optional>

#pragma GCC visibility push(default)
namespace copg {

enum class Role : std::uint8_t {
  primary,  ///< The server that takes writes.
  replica,  ///< A server that repeats the primary's writes, and can only be read.
  any,      ///< Either: the one that answers fastest.
};

/// What becomes of a call for a replica while none is fit for it.
enum class IfUnfit : std::uint8_t {
  wait,     ///< It waits until its deadline.
  primary,  ///< It goes to the primary, once `patience` is over.
  fail,     ///< PoolTimeout, once `patience` is over.
};

/// What `on` asks of a replica.
struct RoleOptions {
  /// How old its data may be: what was committed before that is seen. At least 0; nothing: that does not
  /// matter. Hosts are asked once in a second while all is well, so that less than two seconds make calls
  /// wait for an answer.
  std::optional<std::chrono::duration<double>> max_lag{};
  IfUnfit if_unfit = IfUnfit::wait;
  /// How long a call waits for a replica before `if_unfit` says what becomes of it. At least 0.
  std::chrono::duration<double> patience{0};
  /// A write that must be seen, of Session::token: another server than the one that took it is not fit for
  /// the call until it has replayed so far.
  std::optional<WriteToken> after{};
};

}  // namespace copg
#pragma GCC visibility pop
