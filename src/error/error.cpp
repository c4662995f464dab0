// The classes of errors: what they say, and which belongs to which kind.
#include <copg/error.hpp>

#include <cstddef>
#include <string>
#include <utility>

#include "error/shown_sql.hpp"

namespace copg {

std::string_view to_string(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::configuration: return "configuration";
    case ErrorKind::usage: return "usage";
    case ErrorKind::data: return "data";
    case ErrorKind::pool_timeout: return "pool_timeout";
    case ErrorKind::pool_deadlock: return "pool_deadlock";
    case ErrorKind::query_timeout: return "query_timeout";
    case ErrorKind::pool_closed: return "pool_closed";
    case ErrorKind::too_many_requests: return "too_many_requests";
    case ErrorKind::connection_failed: return "connection_failed";
    case ErrorKind::query_failed: return "query_failed";
    case ErrorKind::commit_unknown: return "commit_unknown";
  }
  return "unknown";
}

namespace {

/// A function that calls itself has as many lines of CONTEXT as the stack is deep.
std::string first_lines(const std::string& text) {
  constexpr int most = 10;
  std::size_t end = 0;
  for (int lines = 0; lines < most; ++lines) {
    end = text.find('\n', lines == 0 ? 0 : end + 1);
    if (end == std::string::npos) return text;
  }
  return text.substr(0, end) + "\n...";
}

std::string text_of(const ErrorInfo& info) {
  std::string text;
  if (info.statement_index >= 0) text += "statement " + std::to_string(info.statement_index) + ": ";
  if (info.row_index >= 0) text += "row " + std::to_string(info.row_index) + ": ";
  text += info.message;
  const std::string place = pointed_at(info.query, info.statement_position);
  if (!place.empty()) text += '\n' + place;
  if (!info.detail.empty()) text += "\nDETAIL: " + info.detail;
  if (!info.hint.empty()) text += "\nHINT: " + info.hint;
  if (!info.advice.empty()) text += "\nHINT: " + info.advice;
  if (!info.internal_query.empty()) text += "\nQUERY: " + on_one_line(info.internal_query);
  if (!info.context.empty()) text += "\nCONTEXT: " + first_lines(info.context);
  if (place.empty() && !info.query.empty()) text += "\nSTATEMENT: " + on_one_line(info.query);
  return text;
}

ErrorInfo of_kind(ErrorInfo info, ErrorKind kind) {
  info.kind = kind;
  return info;
}

ErrorInfo only_message(std::string message) {
  ErrorInfo info;
  info.message = std::move(message);
  return info;
}

}  // namespace

// Each class sets its own kind, so that the two can't contradict each other.

Error::Error(ErrorInfo info)
    : std::runtime_error(text_of(info)), info_(std::make_shared<const ErrorInfo>(std::move(info))) {}
Error::Error(const Error&) noexcept = default;
Error& Error::operator=(const Error&) noexcept = default;
Error::~Error() = default;

ConfigurationError::ConfigurationError(ErrorInfo info)
    : Error(of_kind(std::move(info), ErrorKind::configuration)) {}
ConfigurationError::ConfigurationError(std::string message)
    : ConfigurationError(only_message(std::move(message))) {}
ConfigurationError::~ConfigurationError() = default;

UsageError::UsageError(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::usage)) {}
UsageError::UsageError(std::string message) : UsageError(only_message(std::move(message))) {}
UsageError::~UsageError() = default;

DataError::DataError(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::data)) {}
DataError::DataError(std::string message) : DataError(only_message(std::move(message))) {}
DataError::~DataError() = default;

PoolTimeout::PoolTimeout(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::pool_timeout)) {}
PoolTimeout::PoolTimeout(ErrorInfo info, ErrorKind kind) : Error(of_kind(std::move(info), kind)) {}
PoolTimeout::~PoolTimeout() = default;

PoolDeadlock::PoolDeadlock(ErrorInfo info) : PoolTimeout(std::move(info), ErrorKind::pool_deadlock) {}
PoolDeadlock::~PoolDeadlock() = default;

QueryTimeout::QueryTimeout(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::query_timeout)) {}
QueryTimeout::~QueryTimeout() = default;

PoolClosed::PoolClosed(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::pool_closed)) {}
PoolClosed::~PoolClosed() = default;

TooManyRequests::TooManyRequests(ErrorInfo info)
    : Error(of_kind(std::move(info), ErrorKind::too_many_requests)) {}
TooManyRequests::~TooManyRequests() = default;

ConnectionFailed::ConnectionFailed(ErrorInfo info)
    : Error(of_kind(std::move(info), ErrorKind::connection_failed)) {}
ConnectionFailed::~ConnectionFailed() = default;

QueryFailed::QueryFailed(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::query_failed)) {}
QueryFailed::~QueryFailed() = default;

CommitUnknown::CommitUnknown(ErrorInfo info) : Error(of_kind(std::move(info), ErrorKind::commit_unknown)) {}
CommitUnknown::~CommitUnknown() = default;

void raise(ErrorInfo info) {
  switch (info.kind) {
    case ErrorKind::configuration: throw ConfigurationError(std::move(info));
    case ErrorKind::usage: throw UsageError(std::move(info));
    case ErrorKind::data: throw DataError(std::move(info));
    case ErrorKind::pool_timeout: throw PoolTimeout(std::move(info));
    case ErrorKind::pool_deadlock: throw PoolDeadlock(std::move(info));
    case ErrorKind::query_timeout: throw QueryTimeout(std::move(info));
    case ErrorKind::pool_closed: throw PoolClosed(std::move(info));
    case ErrorKind::too_many_requests: throw TooManyRequests(std::move(info));
    case ErrorKind::connection_failed: throw ConnectionFailed(std::move(info));
    case ErrorKind::query_failed: throw QueryFailed(std::move(info));
    case ErrorKind::commit_unknown: throw CommitUnknown(std::move(info));
  }
  throw Error(std::move(info));  // a kind that was cast from a number
}

std::exception_ptr make_exception(ErrorInfo info) {
  try {
    raise(std::move(info));
  } catch (...) {
    return std::current_exception();
  }
}

}  // namespace copg
