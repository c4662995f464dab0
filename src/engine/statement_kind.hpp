// How a statement may travel with those of other callers.
#pragma once

#include <string_view>

#include "pool/types.hpp"
#include "pq/describe_first.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

/// What is known of a text before a connection is.
struct KnownText : pool::Statement {
  bool rowless = false;  ///< It is one statement, and one of a kind that never returns rows.
};

/// Hashes the text, and reads it only if this thread has not seen it lately.
[[nodiscard]] KnownText known_text(std::string_view sql) noexcept;

/// What the pool must know of an execution of it.
[[nodiscard]] pool::Statement statement_of(const KnownText& text, const pq::ParamsView& params) noexcept;

/// Whether its columns must be looked at before it is executed: it may write, its rows are to be read as
/// `shape`, and nothing tells yet whether that can be done. `text`: what is known of `sql`. Throws UsageError
/// if it can't give the row that `shape` needs.
[[nodiscard]] pq::DescribeFirst describe_first(pq::FittingTexts& fitting, const KnownText& text,
                                               std::string_view sql, const detail::RowShape& shape);

}  // namespace copg::engine
