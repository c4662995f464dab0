// Takes CopyData messages out of libpq, one by one.
#include "pq/copy_out_operation.hpp"

#include <memory>

namespace copg::pq {
namespace {

struct FreeData {
  void operator()(char* data) const noexcept { PQfreemem(data); }
};

}  // namespace

CopyOperation::Moved CopyOutOperation::move_data() {
  for (std::size_t moved = 0; moved < bytes_per_advance;) {
    if (pulled_ != nullptr && pulled_->given_up()) return Moved::aborted;
    if (pulled_ != nullptr && pulled_->full()) return Moved::parked;
    char* data = nullptr;
    const int size = PQgetCopyData(raw(), &data, 1);
    const std::unique_ptr<char, FreeData> owner(data);
    if (size == 0) return pulled_ != nullptr && !pulled_->empty() ? Moved::parked : Moved::waiting;
    if (size < 0) return size == -1 ? Moved::ended : Moved::lost;
    try {
      sink_.take({data, static_cast<std::size_t>(size)});
    } catch (...) {
      keep_stream_error();
      return Moved::aborted;
    }
    moved += static_cast<std::size_t>(size);
  }
  return Moved::paused;
}

}  // namespace copg::pq
