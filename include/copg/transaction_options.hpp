// What a transaction is to be: isolation, read only, settings, role.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// How much of what others commit meanwhile a transaction sees.
enum class Isolation : std::uint8_t {
  read_uncommitted,  ///< To PostgreSQL the same as read_committed.
  read_committed,    ///< Each statement sees what was committed before it.
  repeatable_read,   ///< All statements see what was committed before the first. A conflict fails with 40001.
  serializable,      ///< As if transactions ran one after the other. A conflict fails with 40001.
};

/// For `transaction` and Transaction. All of it travels in the flush of the first statement, without a
/// further round trip (but for COPY, and for several statements in one text, in front of which settings and a
/// role cost one). Values are sent as parameters, never pasted into SQL.
///
/// What the server refuses (an unknown role, a bad value) is the error of the first statement, which is not
/// executed then. A transaction inside another takes no isolation and is not deferrable, which is a
/// UsageError before anything is sent; its settings and its role end with it, also when it commits.
struct TransactionOptions {
  /// Not given: the session's default.
  std::optional<Isolation> isolation{};
  /// Refuses statements that write (25006). False: the session's default, which usually allows them.
  bool read_only = false;
  /// With serializable and read_only: waits for a moment at which no conflict can come of it.
  bool deferrable = false;
  /// Names and values of settings, in the order in which they are made, as by SET LOCAL: they end with the
  /// transaction. The empty name, and a NUL, are a UsageError before anything is sent. They take the
  /// transaction's first snapshot.
  std::vector<std::pair<std::string, std::string>> settings{};
  /// As by SET LOCAL ROLE, after the settings. Empty: the session's.
  std::string role{};
  /// If COMMIT's answer is lost, find out what became of the transaction. Not given: as
  /// PoolOptions::resolve_commits says. True is a UsageError where that is `never`, and any value is one for
  /// a transaction inside another, which has no COMMIT.
  std::optional<bool> resolve_commit{};
};

}  // namespace copg
#pragma GCC visibility pop
