// What does not go through a pipeline.
#pragma once

#include <string_view>

#include "pq/errors.hpp"
#include "sql/text_traits.hpp"

namespace copg::pq {

/// The reason, if there is one, why a text can't be sent in a pipeline.
[[nodiscard]] ErrorPtr unfit_for_pipeline(const sql::TextTraits& traits, std::string_view sql);

/// The error of a COPY in a pipeline.
[[nodiscard, gnu::cold]] ErrorPtr copy_in_pipeline(std::string_view sql);

}  // namespace copg::pq
