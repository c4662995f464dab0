// Errors: one value with everything a person needs (ErrorInfo), and a class for each thing a caller can do about it.
#pragma once

#include <copg/pool_stats.hpp>
#include <copg/sqlstate.hpp>

#include <cstdint>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>

namespace [[gnu::visibility("default")]] copg {

/// What a caller can do about an error; each has a class below.
enum class ErrorKind : std::uint8_t {
  configuration,      ///< The configuration can't work: mend it. (ConfigurationError)
  usage,              ///< The call was wrong: a dead lease, a wrong number of parameters. (UsageError)
  data,               ///< A value does not fit: out of range, NULL, wrong type, a NUL in a string. (DataError)
  pool_timeout,       ///< No connection, or no answer, by the deadline. (PoolTimeout)
  pool_closed,        ///< The pool is closed. (PoolClosed)
  too_many_requests,  ///< max_waiting requests wait already. (TooManyRequests)
  connection_failed,  ///< No connection could be made, or it was lost. (ConnectionFailed)
  query_failed,       ///< The server refused the statement. (QueryFailed)
  commit_unknown,     ///< The connection was lost before COMMIT's answer: it may or may not have happened. (CommitUnknown)
};

/// Everything known about an error. Strings are empty where there is nothing to say.
struct ErrorInfo {
  ErrorKind kind = ErrorKind::usage;
  SqlState sqlstate{};          ///< From the server; empty when it did not speak.
  std::string message;          ///< What happened, what it was doing, and what to do. One line.
  std::string detail;           ///< The server's DETAIL.
  std::string hint;             ///< The server's HINT.
  std::string context;          ///< The server's CONTEXT.
  std::string severity;         ///< ERROR, FATAL or PANIC.
  std::string schema_name;
  std::string table_name;
  std::string column_name;
  std::string datatype_name;
  std::string constraint_name;
  std::string query;            ///< The SQL text that was running.
  std::string cause;            ///< The error behind this one, such as the last failed connect.
  int statement_position = 0;   ///< 1-based character position in `query`; 0: none.
  std::int64_t row_index = -1;  ///< execute_many: 0-based index of the failing row; -1: none.
  bool connection_survives = true;  ///< False: the connection is gone and was discarded.
  std::optional<PoolStats> pool;    ///< The pool at that moment, when the pool is the cause.
};

class Error : public std::runtime_error {
 public:
  explicit Error(ErrorInfo info);
  ~Error() override;
  [[nodiscard]] const ErrorInfo& info() const noexcept { return info_; }
  [[nodiscard]] ErrorKind kind() const noexcept { return info_.kind; }
  [[nodiscard]] SqlState sqlstate() const noexcept { return info_.sqlstate; }

 private:
  ErrorInfo info_;
};

// (the classes, raise(ErrorInfo) and make_exception(ErrorInfo) follow)

}  // namespace copg
