// Whether a session has changed since it was opened or wiped, so that it needs a wipe before its next lease.
//
// It is told the command tag of every statement and what its text may do. A false alarm costs a reset; a miss
// leaks one caller's session into the next lease, so doubt counts as a change. What a server-side function
// does to the session is seen only where the server reports it (ParameterStatus), and looked for only after
// statements that write, or that visibly call a function. ResetMode::full is for programs with such
// functions, or with views and policies that call them.
#pragma once

#include <libpq-fe.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "sql/session_effect.hpp"

namespace copg::pq {

class SessionState {
 public:
  /// For each result of a statement; with an empty tag for one that failed or was never answered, since a
  /// session lock outlives the error of the statement that took it. If `prepared_statements_gone` then, the
  /// caller must forget its statement cache. Takes a few nanoseconds for SELECT, INSERT, UPDATE and DELETE
  /// without an effect.
  void note(std::string_view command_tag, sql::TextEffect effect) noexcept {
    if (effect == sql::TextEffect::none && is_row_command(command_tag)) return;
    note_command(command_tag, effect);
  }

  /// Whether a wipe is needed (not counting reported parameters).
  [[nodiscard]] bool changed() const noexcept { return effect_ != sql::TextEffect::none; }
  /// Whether no wipe is enough, so that the connection must be closed.
  [[nodiscard]] bool beyond_wiping() const noexcept { return effect_ == sql::TextEffect::permanent; }
  /// Whether the user has prepared statements in SQL, so that a wipe must deallocate all.
  [[nodiscard]] bool prepared_in_sql() const noexcept { return prepared_in_sql_; }
  /// Whether DISCARD ALL or DEALLOCATE ALL has removed the statements that the cache counts on.
  [[nodiscard]] bool prepared_statements_gone() const noexcept { return prepared_gone_; }
  /// The statement cache has been forgotten.
  void prepared_statements_forgotten() noexcept { prepared_gone_ = false; }

  /// Whether a parameter that the server reports differs from the baseline. Compares strings, sends nothing.
  [[nodiscard]] bool parameters_changed(const PGconn* conn) const noexcept;
  /// Makes the present session the baseline, after a connect or a wipe.
  void set_baseline(const PGconn* conn);
  /// Makes the present session the baseline after a `configure` callback. A wipe must still remove what it
  /// has prepared, since it will prepare it again.
  void set_configured(const PGconn* conn) {
    const bool prepared = prepared_in_sql_;
    set_baseline(conn);
    prepared_in_sql_ = prepared;
  }

 private:
  // The reported parameters that a session can change; search_path since PostgreSQL 18. Other reported ones
  // are the server's own (in_hot_standby, server_version) and say nothing of the session.
  static constexpr std::array<const char*, 11> reported_parameters = {"application_name",
                                                                      "client_encoding",
                                                                      "DateStyle",
                                                                      "default_transaction_read_only",
                                                                      "IntervalStyle",
                                                                      "is_superuser",
                                                                      "scram_iterations",
                                                                      "search_path",
                                                                      "session_authorization",
                                                                      "standard_conforming_strings",
                                                                      "TimeZone"};

  static bool is_row_command(std::string_view tag) noexcept {
    if (tag.size() < 6) return false;
    switch (tag[0]) {
      case 'S': return std::memcmp(tag.data(), "SELECT", 6) == 0;
      case 'I': return std::memcmp(tag.data(), "INSERT", 6) == 0;
      case 'U': return std::memcmp(tag.data(), "UPDATE", 6) == 0;
      case 'D': return std::memcmp(tag.data(), "DELETE", 6) == 0;
      default: return false;
    }
  }
  void note_command(std::string_view tag, sql::TextEffect effect) noexcept;

  sql::TextEffect effect_ = sql::TextEffect::none;
  bool prepared_in_sql_ = false;
  bool prepared_gone_ = false;
  std::array<bool, reported_parameters.size()> reported_{};
  std::array<std::string, reported_parameters.size()> baseline_;
};

}  // namespace copg::pq
