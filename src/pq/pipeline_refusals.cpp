#include "pq/pipeline_refusals.hpp"

namespace copg::pq {

ErrorPtr unfit_for_pipeline(const sql::TextTraits& traits, std::string_view sql) {
  if (traits.several)
    return usage_error("several statements in one text do not go through a pipeline: split them", sql);
  // With anything behind it, COPY FROM STDIN would take the connection with it.
  return traits.copies ? copy_in_pipeline(sql) : nullptr;
}

ErrorPtr copy_in_pipeline(std::string_view sql) {
  return usage_error("COPY does not go through a pipeline", sql);
}

}  // namespace copg::pq
