// Which of libpq's later functions the library in use has.
#include "pq/late_symbols.hpp"

namespace copg::pq {

// PQcancelStart and the rest came with PQcancelCreate, in one release: one test stands for all.
bool has_nonblocking_cancel() noexcept { return PQcancelCreate != nullptr; }

bool has_send_pipeline_sync() noexcept { return PQsendPipelineSync != nullptr; }

bool has_chunked_rows() noexcept { return PQsetChunkedRowsMode != nullptr; }

}  // namespace copg::pq
