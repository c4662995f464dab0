// How a statement may travel with those of other callers.
#pragma once

#include <string_view>

#include "pool/types.hpp"
#include "pq/describe_first.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

/// What the pool must know of it. Cheap for a text that this thread has given before.
[[nodiscard]] pool::Statement statement_of(std::string_view sql, const pq::ParamsView& params) noexcept;

/// Whether its columns must be looked at before it is executed: it may write, its rows are to be read as
/// `shape`, and nobody knows yet whether that can be done. Throws UsageError if it can't give the row that
/// `shape` needs.
[[nodiscard]] pq::DescribeFirst describe_first(pq::FittingTexts& fitting, std::string_view sql,
                                               const detail::RowShape& shape);

}  // namespace copg::engine
