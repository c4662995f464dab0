// The answer to one statement of a Pipeline.
#pragma once

#include <copg/result.hpp>

#include <exception>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

/// The statement's Result or its error. It converts to true if it is a Result.
class PipelineAnswer {
 public:
  PipelineAnswer(Result result) noexcept : result_(std::move(result)), has_value_(true) {}
  // NOLINTNEXTLINE(bugprone-throw-keyword-missing): an error that is kept
  PipelineAnswer(std::exception_ptr error) noexcept : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const noexcept { return has_value_; }
  [[nodiscard]] bool has_error() const noexcept { return !has_value_; }
  explicit operator bool() const noexcept { return has_value_; }
  /// Throws the error, if it is one.
  const Result& value() const& {
    if (!has_value_) std::rethrow_exception(error_);
    return result_;
  }
  Result value() && {
    if (!has_value_) std::rethrow_exception(error_);
    return std::move(result_);
  }
  // Of an error, an empty Result.
  [[nodiscard]] const Result& operator*() const noexcept { return result_; }
  [[nodiscard]] const Result* operator->() const noexcept { return &result_; }
  /// Null if it is a Result.
  [[nodiscard]] std::exception_ptr error() const noexcept { return error_; }

 private:
  Result result_;
  std::exception_ptr error_;
  bool has_value_ = false;
};

}  // namespace copg
#pragma GCC visibility pop
