// Turns what libpq and the server say about a failure into an ErrorInfo. Throws nothing but std::bad_alloc.
// Errors are rare and large: they travel by pointer, and the functions that make them are cold, so that the
// usual path needs no code and no stack for them.
#pragma once

#include <libpq-fe.h>

#include <copg/detail/result_data.hpp>
#include <copg/error.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace copg::pq {

struct ClearResult {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, ClearResult>;
using ErrorPtr = std::unique_ptr<ErrorInfo>;

/// From a result with PGRES_FATAL_ERROR or another bad status. query_failed, or connection_failed when the
/// server said FATAL or PANIC or libpq found the connection lost (then connection_survives is false).
[[nodiscard, gnu::cold]] ErrorPtr error_from(const PGresult* result, std::string_view sql);

/// From the connection's own error message, when there is no result: connection_failed, connection_survives
/// false.
[[nodiscard, gnu::cold]] ErrorPtr connection_lost(const PGconn* conn, std::string_view sql);

/// From a message of ours: connection_failed, connection_survives false.
[[nodiscard, gnu::cold]] ErrorPtr connection_failed(std::string message);

/// From `lost` (connection_failed): the connection died while COMMIT's answer was awaited.
[[nodiscard, gnu::cold]] ErrorPtr commit_unknown(ErrorPtr lost);

/// Adds to a commit_unknown why another connection could not tell whether it happened.
[[gnu::cold]] void tell_unasked(ErrorInfo& unknown, const ErrorInfo& why);

/// Turns a commit_unknown into connection_failed: another connection has said that the transaction was rolled
/// back.
[[gnu::cold]] void tell_rolled_back(ErrorInfo& unknown);

/// From `lost` (connection_failed): the connection died before a statement was answered.
[[nodiscard, gnu::cold]] ErrorPtr statement_unknown(ErrorPtr lost);

/// The server answered COMMIT with ROLLBACK; the connection survives.
[[nodiscard, gnu::cold]] ErrorPtr commit_rolled_back(std::string_view sql);

/// Notes in `error` the effect of its statement, which was answered with the command tag `tag`.
[[gnu::cold]] void tell_effect(ErrorInfo& error, detail::Effect effect, std::string_view tag);

/// A call that was wrong; the connection survives.
[[nodiscard, gnu::cold]] ErrorPtr usage_error(std::string message, std::string_view sql);

/// The reason, if there is one, why a text can't be sent: a NUL would cut it off, and the server would close
/// the connection on a text that is larger than a message.
[[nodiscard]] ErrorPtr unsendable(std::string_view sql);

/// An error if a text that takes `taken` parameters is given another number: the server would ignore those
/// that are too many. `taken` -1: left to the server.
[[nodiscard]] ErrorPtr wrong_number(int taken, int given, std::string_view sql);

/// The rows of a statement take more than `most` bytes; `rows` of them did not yet. The connection survives.
[[nodiscard, gnu::cold]] ErrorPtr result_too_large(int rows, std::size_t most, std::string_view sql);

/// Rows that libpq hands out one by one can't be gathered if they have no columns. The connection survives.
[[nodiscard, gnu::cold]] ErrorPtr rows_without_columns(std::string_view sql);

/// COMMIT was not sent, because a statement before it was given up half-way.
[[nodiscard, gnu::cold]] ErrorPtr commit_unsent(std::string_view sql);

/// The message for a connection that can't be used because something is outstanding on it.
inline constexpr const char* still_busy =
    "the connection is busy with a statement that was given up half-way: give it back, and take another";
/// The end of the message of a call while an exchange is open, behind what is open.
inline constexpr std::string_view still_open =
    " is open on the connection: take it to its end, or close it, before the next call";

/// The first line of a message of libpq's, without trailing white space. Further lines are advice for people
/// at a terminal.
[[nodiscard]] std::string first_line(const char* text);

/// A field of an error or a notice (PG_DIAG_...), empty if it is not there. Lives as long as the result.
[[nodiscard]] std::string_view field(const PGresult* result, int code) noexcept;

/// The command tag of a result, such as "INSERT 0 1". Empty for an error. Lives as long as the result.
[[nodiscard]] std::string_view command_tag(const PGresult* result) noexcept;

}  // namespace copg::pq
