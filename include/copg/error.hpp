// Errors: one value with everything a person needs (ErrorInfo), and a class for each thing a caller can do
// about it.
#pragma once

#include <copg/pool_stats.hpp>
#include <copg/sqlstate.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

/// What a caller can do about an error; each has a class below.
enum class ErrorKind : std::uint8_t {
  configuration,  ///< The configuration can't work: mend it. (ConfigurationError)
  usage,          ///< The call was wrong: a dead lease, a wrong number of parameters. (UsageError)
  data,           ///< A value does not fit: out of range, NULL, wrong type, a NUL in a string. (DataError)
  pool_timeout,   ///< No connection by the deadline. (PoolTimeout)
  pool_deadlock,  ///< Each connection is held by a caller that waits for another. (PoolDeadlock)
  query_timeout,  ///< No answer by the deadline. (QueryTimeout)
  pool_closed,    ///< The pool is closed. (PoolClosed)
  too_many_requests,  ///< max_waiting requests wait already. (TooManyRequests)
  connection_failed,  ///< No connection could be made, or it was lost. (ConnectionFailed)
  query_failed,       ///< The server refused the statement. (QueryFailed)
  commit_unknown,     ///< The answer to COMMIT was lost: it may have happened. (CommitUnknown)
};

/// The name of the enumerator.
[[nodiscard]] std::string_view to_string(ErrorKind kind) noexcept;

/// Everything known about an error. Strings are empty where there is nothing to say.
struct ErrorInfo {
  ErrorKind kind = ErrorKind::usage;
  SqlState sqlstate{};     ///< The server's; empty if the error is not from the server.
  std::string message{};   ///< What happened, what it was doing, and what to do. One line.
  std::string detail{};    ///< The server's DETAIL.
  std::string hint{};      ///< The server's HINT.
  std::string advice{};    ///< copg's own HINT: which placeholder is meant, what to write instead.
  std::string context{};   ///< The server's CONTEXT.
  std::string severity{};  ///< ERROR, FATAL or PANIC.
  std::string schema_name{};
  std::string table_name{};
  std::string column_name{};
  std::string datatype_name{};
  std::string constraint_name{};
  std::string query{};           ///< The SQL text that was running.
  std::string cause{};           ///< The error behind this one, such as the last failed connect.
  int statement_position = 0;    ///< 1-based character position in `query`; 0: none.
  std::string internal_query{};  ///< The SQL text that a function was running; CONTEXT names the function.
  int internal_position = 0;     ///< 1-based character position in `internal_query`; 0: none.
  std::int64_t row_index = -1;   ///< execute_many: 0-based index of the failing row; -1: none.
  /// execute_all: 0-based index of the failing statement; -1: none, as of its COMMIT.
  std::int64_t statement_index = -1;
  /// Of `run`: what each attempt has ended with, this last one included.
  std::vector<std::string> attempts{};
  bool connection_survives = true;  ///< False: the connection is gone and was discarded.
  bool executed = false;   ///< The server executed the statement, and the error does not undo what it wrote:
                           ///< repeating the call writes twice. The message says so. Never true for a
                           ///< statement that is known only to read. (One with an unknown function is not.)
  bool committed = false;  ///< Executing the statement committed it. If only `executed` is true, its
                           ///< transaction was still open then, and may have been committed since.
  std::optional<PoolStats> pool{};  ///< The pool at that moment, when the pool is the cause.
};

/// The base of all errors of this library. Copying does not throw: copies share the info.
class Error : public std::runtime_error {
 public:
  /// what() is the message, followed by lines with what else is known: the place in the SQL text, with a
  /// caret below it; DETAIL, HINT, QUERY (a function's), CONTEXT; without a place the text's beginning
  /// (STATEMENT).
  explicit Error(ErrorInfo info);
  Error(const Error&) noexcept;
  Error& operator=(const Error&) noexcept;
  ~Error() override;
  [[nodiscard]] const ErrorInfo& info() const noexcept { return *info_; }
  [[nodiscard]] ErrorKind kind() const noexcept { return info_->kind; }
  [[nodiscard]] SqlState sqlstate() const noexcept { return info_->sqlstate; }

 private:
  std::shared_ptr<const ErrorInfo> info_;
};

/// Mend the configuration: the message names the option, its value and the rule.
class ConfigurationError : public Error {
 public:
  explicit ConfigurationError(ErrorInfo info);
  explicit ConfigurationError(std::string message);
  ~ConfigurationError() override;
};

/// Mend the program: the call was wrong. Nothing was sent to the server.
class UsageError : public Error {
 public:
  explicit UsageError(ErrorInfo info);
  explicit UsageError(std::string message);
  ~UsageError() override;
};

/// Mend the data, or the type that you asked for: a value, or the rows of an answer, do not fit. Your own
/// Codec throws it too. If a statement that may write was executed nevertheless, `info().executed` is true.
class DataError : public Error {
 public:
  explicit DataError(ErrorInfo info);
  explicit DataError(std::string message);
  ~DataError() override;
};

/// Try later, with less load, a larger pool or more time: no connection was free by the deadline, and nothing
/// was sent. The message says who holds the connections; `info().pool` has the counters.
class PoolTimeout : public Error {
 public:
  explicit PoolTimeout(ErrorInfo info);
  ~PoolTimeout() override;

 protected:
  PoolTimeout(ErrorInfo info, ErrorKind kind);
};

/// Mend the program, or make the pool larger: each connection was held by a caller that waited for another,
/// this caller among them, so that none could ever have gone on. Nothing was sent. The message says where
/// each was taken. Thrown at once; trying again while holding a connection fails again.
class PoolDeadlock : public PoolTimeout {
 public:
  explicit PoolDeadlock(ErrorInfo info);
  ~PoolDeadlock() override;
};

/// Mend the statement, or give it more time: its answer was late. It is being cancelled in the background,
/// and may or may not have had an effect. The message says how long the call was in the queue, connecting,
/// and waiting for the server. A connection that was leased before can only be given back.
class QueryTimeout : public Error {
 public:
  explicit QueryTimeout(ErrorInfo info);
  ~QueryTimeout() override;
};

/// Stop: the pool is closed, or not open yet.
class PoolClosed : public Error {
 public:
  explicit PoolClosed(ErrorInfo info);
  ~PoolClosed() override;
};

/// Shed load: max_waiting requests are queued already.
class TooManyRequests : public Error {
 public:
  explicit TooManyRequests(ErrorInfo info);
  ~TooManyRequests() override;
};

/// The server can't be reached, or the connection was lost: an open transaction is rolled back, but a
/// statement that commits by itself may have been executed.
class ConnectionFailed : public Error {
 public:
  explicit ConnectionFailed(ErrorInfo info);
  ~ConnectionFailed() override;
};

/// The server refused the statement: the SQLSTATE says why. An open transaction must be rolled back.
class QueryFailed : public Error {
 public:
  explicit QueryFailed(ErrorInfo info);
  ~QueryFailed() override;

  [[nodiscard]] bool is_integrity_violation() const noexcept {
    return copg::is_integrity_violation(sqlstate());
  }
  [[nodiscard]] bool is_not_null_violation() const noexcept {
    return copg::is_not_null_violation(sqlstate());
  }
  [[nodiscard]] bool is_foreign_key_violation() const noexcept {
    return copg::is_foreign_key_violation(sqlstate());
  }
  [[nodiscard]] bool is_unique_violation() const noexcept { return copg::is_unique_violation(sqlstate()); }
  [[nodiscard]] bool is_check_violation() const noexcept { return copg::is_check_violation(sqlstate()); }
  [[nodiscard]] bool is_exclusion_violation() const noexcept {
    return copg::is_exclusion_violation(sqlstate());
  }
  [[nodiscard]] bool is_serialization_failure() const noexcept {
    return copg::is_serialization_failure(sqlstate());
  }
  [[nodiscard]] bool is_deadlock() const noexcept { return copg::is_deadlock(sqlstate()); }
  /// The transaction may succeed when it is run again.
  [[nodiscard]] bool is_retryable() const noexcept { return copg::is_retryable(sqlstate()); }
  [[nodiscard]] bool is_lock_not_available() const noexcept {
    return copg::is_lock_not_available(sqlstate());
  }
  [[nodiscard]] bool is_query_canceled() const noexcept { return copg::is_query_canceled(sqlstate()); }
  [[nodiscard]] bool is_read_only() const noexcept { return copg::is_read_only(sqlstate()); }
  [[nodiscard]] bool is_insufficient_privilege() const noexcept {
    return copg::is_insufficient_privilege(sqlstate());
  }
  [[nodiscard]] bool is_syntax_error() const noexcept { return copg::is_syntax_error(sqlstate()); }
  [[nodiscard]] bool is_undefined_table() const noexcept { return copg::is_undefined_table(sqlstate()); }
  [[nodiscard]] bool is_undefined_column() const noexcept { return copg::is_undefined_column(sqlstate()); }
};

/// Look before you repeat: the answer to COMMIT was lost, so the transaction may or may not be committed.
class CommitUnknown : public Error {
 public:
  explicit CommitUnknown(ErrorInfo info);
  ~CommitUnknown() override;
};

/// Throws the class that belongs to `info.kind`.
[[noreturn, gnu::cold]] void raise(ErrorInfo info);
/// Makes the exception that `raise` throws, to be thrown elsewhere.
[[nodiscard]] std::exception_ptr make_exception(ErrorInfo info);

}  // namespace copg
#pragma GCC visibility pop
