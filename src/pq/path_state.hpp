// Which generation of prepared names a session is in. A prepared name belongs to the search path and the role
// under which its text was parsed: under others, the server refuses its plan, or reads its parameters with
// the types of that time.
//
// It follows what statements do to both, by their texts (sql/path_effect.hpp), until the transaction or the
// session is over; PostgreSQL 18 and later report the search path. It never sends anything.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pq/path_change.hpp"
#include "sql/path_effect.hpp"

namespace copg::pq {

class PathState {
 public:
  /// Whether names of `generation` may be used, after the last operation: the path and role are known.
  [[nodiscard]] bool names_hold() const noexcept { return holds_; }
  /// Equal for equal search paths and roles.
  [[nodiscard]] std::size_t generation() const noexcept { return generation_; }
  /// Whether something was changed that is not known to be over.
  [[nodiscard]] bool watched() const noexcept { return watched_; }

  /// For each result of a statement, and, with an empty tag, for its error, if the statement has an effect or
  /// the state is `watched`. `lasts`: the effect may outlive the transaction.
  [[gnu::cold]] void note(std::string_view command_tag, sql::PathEffect effect, bool lasts,
                          const PathChange& change) noexcept;
  /// The protocol is idle again, and the state `watched`.
  [[gnu::cold]] void on_idle(const PGconn* conn) noexcept;

  /// A lease begins, after the session of the last one was reset.
  void lease_begins() noexcept {
    if (unknown_in_session_) [[unlikely]]
      trust_session();
  }
  /// The session is new or wiped: the search path and the role are those of the start.
  void begin_session(const PGconn* conn) noexcept;
  /// A `configure` callback has returned: the search path and the role that it has left are known.
  void configured(const PGconn* conn) noexcept;

 private:
  /// A setting, by the hashes of its values.
  struct Setting {
    std::size_t committed = 0;   // what a rollback brings back
    std::size_t in_session = 0;  // what a commit leaves
    std::size_t in_force = 0;

    void change(std::size_t value, bool local) noexcept {
      in_force = value;
      if (!local) in_session = value;
    }
    void commit() noexcept { committed = in_force = in_session; }
    void roll_back() noexcept { in_session = in_force = committed; }
  };

  [[gnu::cold]] void trust_session() noexcept;
  void undo_failed() noexcept;
  void end_transaction(bool commits) noexcept;
  void apply(const PathChange& change, bool lasts) noexcept;
  void read_report(const PGconn* conn) noexcept;
  void regenerate() noexcept;

  std::size_t generation_ = 0;
  bool watched_ = false;
  bool holds_ = true;
  bool reports_ = false;       // the server reports the search path
  bool path_touched_ = false;  // in this transaction
  bool role_touched_ = false;
  bool lasting_ = false;                 // path or role was set for longer than this transaction
  bool unknown_in_transaction_ = false;  // until it ends
  bool unknown_in_session_ = false;      // until it is wiped
  Setting path_;
  Setting role_;
};

}  // namespace copg::pq
