// What a pool tells about one of its leases. Plain data, which refers to nothing of the pool.
#pragma once

#include <copg/source_location.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Bytes of a statement's text that LeaseInfo and WaiterInfo show at most; they never end inside a character.
inline constexpr std::size_t shown_statement_bytes = 200;

/// What goes on with a leased connection.
enum class LeaseStatus : std::uint8_t {
  idle,            ///< It runs nothing, and no transaction is open.
  active,          ///< A call is under way, or a stream or a COPY is open, or a statement was abandoned.
  in_transaction,  ///< It runs nothing, and a transaction is open.
  failed,          ///< It runs nothing, and an open transaction has failed.
  lost,            ///< A call has found the connection lost, or `close` has cut it off.
};
/// Its name, as written here.
[[nodiscard]] std::string_view to_string(LeaseStatus status) noexcept;

/// A lease, as it was at one moment. A statement of the pool's own verbs is a lease for as long as it runs.
/// Statements of several callers that travel together are one lease, that of the caller who drives them.
struct LeaseInfo {
  std::uint64_t connection = 0;    ///< Its number in the pool, from 1, as in its events.
  int backend_pid = 0;             ///< The server's process, as in pg_stat_activity.
  std::chrono::nanoseconds age{};  ///< Since the connection was granted.
  /// Since the last call on it ended, or since it was granted; 0 while a call is under way.
  std::chrono::nanoseconds idle{};
  /// How long the present call has been under way; nothing if there is none.
  std::optional<std::chrono::nanoseconds> running;
  /// The text that it runs, without parameters: its first `shown_statement_bytes`. Empty if it runs nothing,
  /// for a pipeline, and for what sends no statement.
  std::string statement;
  /// Statements that travel on it together and are not answered, its own included; 0: it is no run.
  std::uint32_t travelling = 0;
  LeaseStatus status = LeaseStatus::idle;
  std::string name;      ///< What its caller has called it (Connection::name); empty: nothing.
  SourceLocation where;  ///< The place in the program that took it.
  /// "thread 'worker' (tid 4711)" or "task 'import'": the caller that took it.
  std::string holder;
};

}  // namespace copg
#pragma GCC visibility pop
