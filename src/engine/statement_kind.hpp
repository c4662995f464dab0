// How a statement may travel with those of other callers.
#pragma once

#include <string_view>

#include "pool/types.hpp"
#include "pq/describe_first.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

/// What is known of a text before there is a connection.
struct KnownText : pool::Statement {
  bool rowless = false;  ///< It is one statement, of a kind that never returns rows.
};

/// Hashes the text, and reads it only if this thread has not read it lately.
[[nodiscard]] KnownText known_text(std::string_view sql) noexcept;

/// What the core must know of an execution of the text with these parameters.
[[nodiscard]] pool::Statement statement_of(const KnownText& text, const pq::ParamsView& params) noexcept;

/// Whether the columns of `sql` must be asked for before it is executed: it may write, and it is not known
/// yet whether its rows can be read as `shape`. `text`: what is known of `sql`. Throws UsageError if it can't
/// return the row that `shape` needs.
[[nodiscard]] pq::DescribeFirst describe_first(pq::FittingTexts& fitting, const KnownText& text,
                                               std::string_view sql, const detail::RowShape& shape);

}  // namespace copg::engine
