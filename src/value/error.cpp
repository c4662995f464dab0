// The classes of errors: what they say, and which belongs to which kind.
#include <copg/error.hpp>

#include <utility>

namespace copg {
namespace {

std::string text_of(const ErrorInfo& info) {
  std::string text = info.message;
  if (!info.detail.empty()) text += "\nDETAIL: " + info.detail;
  if (!info.hint.empty()) text += "\nHINT: " + info.hint;
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
PoolTimeout::~PoolTimeout() = default;

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
