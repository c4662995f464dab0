// SQLSTATE: the five characters by which PostgreSQL names a condition, packed into an integer, so that asking
// for one is a comparison. The catalogue is the server's documentation, appendix A.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// One SQLSTATE, or none. A value; comparing two costs one instruction.
class SqlState {
 public:
  /// The empty state: the error is not from the server.
  constexpr SqlState() noexcept = default;
  /// Five characters out of 0-9 and A-Z; anything else gives the empty state.
  constexpr explicit SqlState(std::string_view text) noexcept : packed_(pack(text)) {}

  [[nodiscard]] constexpr bool empty() const noexcept { return packed_ == 0; }
  /// The five characters, or an empty string.
  [[nodiscard]] std::string text() const {
    std::string result;
    for (int shift = 24; packed_ != 0 && shift >= 0; shift -= bits) {
      const std::uint32_t code = ((packed_ >> shift) & mask) - 1;
      result += static_cast<char>(code < 10 ? '0' + code : 'A' + (code - 10));
    }
    return result;
  }
  /// Whether the first two characters, the class of the condition, are those of `other`.
  [[nodiscard]] constexpr bool same_class(SqlState other) const noexcept {
    return (packed_ >> class_shift) == (other.packed_ >> class_shift);
  }
  /// `two` are the two characters of a class, such as "23".
  [[nodiscard]] constexpr bool in_class(std::string_view two) const noexcept {
    return two.size() == 2 && packed_ != 0 &&
           (packed_ >> class_shift) == ((code_of(two[0]) << bits) | code_of(two[1]));
  }

  friend constexpr bool operator==(SqlState, SqlState) noexcept = default;
  friend constexpr auto operator<=>(SqlState, SqlState) noexcept = default;

 private:
  static constexpr int bits = 6;
  static constexpr std::uint32_t mask = 63;
  static constexpr int class_shift = 3 * bits;

  static constexpr std::uint32_t code_of(char c) noexcept {
    if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0') + 1;
    if (c >= 'A' && c <= 'Z') return static_cast<std::uint32_t>(c - 'A') + 11;
    return 0;
  }
  static constexpr std::uint32_t pack(std::string_view text) noexcept {
    if (text.size() != 5) return 0;
    std::uint32_t packed = 0;
    for (const char c : text) {
      const std::uint32_t code = code_of(c);
      if (code == 0) return 0;
      packed = (packed << bits) | code;
    }
    return packed;
  }

  std::uint32_t packed_ = 0;
};

inline namespace literals {
/// "23505"_sqlstate. A text that is no SQLSTATE does not compile.
consteval SqlState operator""_sqlstate(const char* text, std::size_t size) {
  const SqlState state(std::string_view(text, size));
  if (state.empty()) throw "a SQLSTATE is five characters out of 0-9 and A-Z";
  return state;
}
}  // namespace literals

constexpr bool is_integrity_violation(SqlState s) noexcept { return s.in_class("23"); }
constexpr bool is_not_null_violation(SqlState s) noexcept { return s == "23502"_sqlstate; }
constexpr bool is_foreign_key_violation(SqlState s) noexcept { return s == "23503"_sqlstate; }
constexpr bool is_unique_violation(SqlState s) noexcept { return s == "23505"_sqlstate; }
constexpr bool is_check_violation(SqlState s) noexcept { return s == "23514"_sqlstate; }
constexpr bool is_exclusion_violation(SqlState s) noexcept { return s == "23P01"_sqlstate; }

constexpr bool is_serialization_failure(SqlState s) noexcept { return s == "40001"_sqlstate; }
constexpr bool is_deadlock(SqlState s) noexcept { return s == "40P01"_sqlstate; }
/// The transaction lost against another one, and may succeed when it is run again.
constexpr bool is_retryable(SqlState s) noexcept { return is_serialization_failure(s) || is_deadlock(s); }
constexpr bool is_lock_not_available(SqlState s) noexcept { return s == "55P03"_sqlstate; }
/// Cancelled by a cancel request or by statement_timeout.
constexpr bool is_query_canceled(SqlState s) noexcept { return s == "57014"_sqlstate; }
/// A write on a read-only server (a standby, or a demoted primary) or in a read-only transaction.
constexpr bool is_read_only(SqlState s) noexcept { return s == "25006"_sqlstate; }
constexpr bool is_failed_transaction(SqlState s) noexcept { return s == "25P02"_sqlstate; }

/// The connection broke, or the server is shutting down or starting up.
constexpr bool is_connection_exception(SqlState s) noexcept {
  return s.in_class("08") || s == "57P01"_sqlstate || s == "57P02"_sqlstate || s == "57P03"_sqlstate;
}
constexpr bool is_admin_shutdown(SqlState s) noexcept { return s == "57P01"_sqlstate; }
constexpr bool is_cannot_connect_now(SqlState s) noexcept { return s == "57P03"_sqlstate; }
constexpr bool is_too_many_connections(SqlState s) noexcept { return s == "53300"_sqlstate; }
constexpr bool is_insufficient_resources(SqlState s) noexcept { return s.in_class("53"); }
/// Wrong password, or a user that may not log in.
constexpr bool is_invalid_authorization(SqlState s) noexcept { return s.in_class("28"); }
constexpr bool is_undefined_database(SqlState s) noexcept { return s == "3D000"_sqlstate; }
constexpr bool is_insufficient_privilege(SqlState s) noexcept { return s == "42501"_sqlstate; }

constexpr bool is_syntax_error(SqlState s) noexcept { return s == "42601"_sqlstate; }
constexpr bool is_undefined_table(SqlState s) noexcept { return s == "42P01"_sqlstate; }
constexpr bool is_undefined_column(SqlState s) noexcept { return s == "42703"_sqlstate; }
constexpr bool is_undefined_function(SqlState s) noexcept { return s == "42883"_sqlstate; }
constexpr bool is_duplicate_table(SqlState s) noexcept { return s == "42P07"_sqlstate; }
/// The prepared statement does not exist: the session was wiped, or a pooler has changed sessions.
constexpr bool is_undefined_statement(SqlState s) noexcept { return s == "26000"_sqlstate; }
constexpr bool is_feature_not_supported(SqlState s) noexcept { return s == "0A000"_sqlstate; }

}  // namespace copg
#pragma GCC visibility pop
