// Turns a Result into what the fetch verbs return. Not for users.
#pragma once

#include <copg/error.hpp>
#include <copg/result.hpp>

#include <iterator>
#include <optional>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// For the handler of an exception that reading the rows of `result` has thrown: throws again. Errors then
/// say what has become of the statement (ErrorInfo::executed), and a UsageError becomes a DataError. Of a
/// statement that may have written, any other std::exception is nested in a DataError
/// (std::rethrow_if_nested). std::bad_alloc, and all else, is thrown unchanged.
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
std::vector<RowType<T>> to_vector(const Result& result) {
  return read(result, [&] { return result.template to_vector<T>(); });
}

/// Of one after the other.
template <class T>
std::vector<RowType<T>> all_to_vector(const std::vector<Result>& results) {
  std::vector<RowType<T>> rows;
  for (const Result& result : results) {
    std::vector<RowType<T>> more = to_vector<T>(result);
    if (rows.empty()) {
      rows = std::move(more);
    } else {
      rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
    }
  }
  return rows;
}

template <class T>
std::optional<RowType<T>> to_optional(const Result& result) {
  return read(result, [&] { return result.template to_optional<T>(); });
}

template <class T>
T to_value(const Result& result) {
  return read(result, [&] { return result.template to_value<T>(); });
}

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
