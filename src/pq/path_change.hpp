// The change of the search path and the role by a statement, as its text, parameters and answer tell it.
#pragma once

#include <libpq-fe.h>

#include <cstddef>
#include <optional>
#include <string_view>

#include "pq/params_view.hpp"

namespace copg::pq {

/// What a statement has changed, as far as that is known after its answer.
struct PathChange {
  bool known = false;      ///< The fields below tell the whole change.
  bool local = true;       ///< It ends with the transaction.
  bool temporary = false;  ///< The search path names pg_temp: what is created may be temporary.
  std::optional<std::size_t> search_path;  ///< A hash of the value; equal values may have different hashes.
  std::optional<std::size_t> role;

  /// `sql` is one statement with PathEffect::changes that the server has answered with `result`.
  [[nodiscard]] static PathChange read(std::string_view sql, const ParamsView& params,
                                       const PGresult* result) noexcept;
};

}  // namespace copg::pq
