// Whether a transaction was committed whose COMMIT was never answered: what must be known of it before, and
// what the answer of another connection then means. Decides, and asks nothing.
#pragma once

#include <copg/params.hpp>
#include <copg/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace copg::pq {

/// Which history of which database system a connection is to. All are texts that can only be compared.
struct ServerIdentity {
  std::string system;    ///< The system identifier that initdb has given it.
  std::string timeline;  ///< A new one begins when a standby is promoted.
  std::string started;   ///< When its postmaster was started: all transactions before that are over.
  /// When its statistics began: the server drops them when it recovers from a crash. It may then give the
  /// number of a transaction that was lost in the crash to another one.
  std::string statistics;
};

/// A transaction whose COMMIT was sent, and not answered.
struct CommitDoubt {
  std::string number;  ///< Of the transaction, an xid8.
  ServerIdentity server;
};

enum class CommitFate : std::uint8_t {
  committed,
  rolled_back,
  undecided,  ///< The server still works on it, or on one with its number: ask again.
  unknown,    ///< It can't be found out.
};

/// Gives the number of the open transaction; NULL if it has written nothing so far.
extern const std::string_view number_text;
/// Gives one row, for `identity_in` and `fate_in`. For PostgreSQL 13 and later.
extern const std::string_view fate_text;
/// Its parameters. `number`: of a transaction; "": only the identity is asked for. `pause_s`: how long the
/// server is to wait first.
[[nodiscard]] Params fate_params(const std::string& number, double pause_s);

/// Nothing if the server does not tell, because it is a standby.
[[nodiscard]] std::optional<ServerIdentity> identity_in(const Result& result);
[[nodiscard]] CommitFate fate_in(const Result& result, const ServerIdentity& asked_before);
/// `status`: as pg_xact_status has it; "ahead" for a number that the server may not have given yet.
[[nodiscard]] CommitFate fate_of(const ServerIdentity& before, const ServerIdentity& now,
                                 std::string_view status) noexcept;

}  // namespace copg::pq
