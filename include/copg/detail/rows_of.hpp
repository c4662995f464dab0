// A result as what the fetch verbs give. Not for users.
#pragma once

#include <copg/error.hpp>
#include <copg/result.hpp>

#include <optional>
#include <string>
#include <vector>

namespace [[gnu::visibility("default")]] copg {
namespace detail {

/// Throws UsageError if the statement returns no rows by its nature.
inline const Result& rows_of(const Result& result) {
  if (!result.returns_rows()) {
    throw UsageError("the statement (" + std::string(result.command_tag()) +
                     ") returns no rows: use execute");
  }
  return result;
}

template <class T>
std::vector<T> to_vector(const Result& result) {
  return result.template to_vector<T>();
}

template <class T>
std::optional<T> to_optional(const Result& result) {
  return rows_of(result).template to_optional<T>();
}

template <class T>
T to_value(const Result& result) {
  return rows_of(result).template to_value<T>();
}

}  // namespace detail
}  // namespace copg
