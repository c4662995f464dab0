// How a statement may travel with those of other callers.
#pragma once

#include <string_view>

#include "pool/types.hpp"
#include "pq/params_view.hpp"

namespace copg::engine {

/// What the pool must know of it. Cheap for a text that this thread has given before.
[[nodiscard]] pool::Statement statement_of(std::string_view sql, const pq::ParamsView& params) noexcept;

}  // namespace copg::engine
