// What a pool tells about one of its waiters. Plain data, which refers to nothing of the pool.
#pragma once

#include <copg/source_location.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// A caller that waits for a connection, as it was at one moment. A statement that travels with others waits
/// for its answer, and stands in no queue: LeaseInfo::travelling counts it.
struct WaiterInfo {
  std::uint32_t position = 0;         ///< In the queue: 1 is the first.
  std::chrono::nanoseconds waited{};  ///< Since the call began to wait.
  /// Until its deadline, which may have passed: at least 0. Nothing: it waits for as long as it takes.
  std::optional<std::chrono::nanoseconds> remaining;
  /// The text, without parameters, of a statement that waits: its first `shown_statement_bytes` (LeaseInfo).
  /// Empty for a caller that asks for a lease.
  std::string statement;
  SourceLocation where;  ///< The place in the program that waits.
  std::string holder;    ///< "thread 'worker' (tid 4711)" or "task 'import'".
};

}  // namespace copg
#pragma GCC visibility pop
