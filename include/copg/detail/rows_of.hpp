// A result as what the fetch verbs give. Not for users.
#pragma once

#include <copg/error.hpp>
#include <copg/result.hpp>

#include <optional>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// To be called while an exception is caught that came of reading the rows of `result`. Throws it as an error
/// that says what has become of the statement (ErrorInfo::executed), never as a UsageError. What is no
/// copg::Error is nested in a DataError (std::rethrow_if_nested) if the statement may have written, and comes
/// through as it is if it only read; so does what is no std::exception, and std::bad_alloc.
[[noreturn, gnu::cold]] void reject_answer(const Result& result);

template <class Read>
auto read(const Result& result, Read how) {
  try {
    return how();
  } catch (...) {
    reject_answer(result);
  }
}

template <class T>
std::vector<T> to_vector(const Result& result) {
  return read(result, [&] { return result.template to_vector<T>(); });
}

template <class T>
std::optional<T> to_optional(const Result& result) {
  return read(result, [&] { return result.template to_optional<T>(); });
}

template <class T>
T to_value(const Result& result) {
  return read(result, [&] { return result.template to_value<T>(); });
}

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
