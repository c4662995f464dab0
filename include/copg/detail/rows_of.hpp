// A result that must be one of rows. Not for users.
#pragma once

#include <copg/error.hpp>
#include <copg/result.hpp>

namespace [[gnu::visibility("default")]] copg {
namespace detail {

/// Throws UsageError if the statement returns no rows by its nature.
inline const Result& rows_of(const Result& result) {
  if (result.columns() == 0) {
    throw UsageError("the statement (" + std::string(result.command_tag()) +
                     ") returns no rows: use execute");
  }
  return result;
}

}  // namespace detail
}  // namespace copg
