// Puts the source's pieces into libpq, a slice per flush.
#include "pq/copy_in_operation.hpp"

#include <new>

namespace copg::pq {

CopyOperation::Moved CopyInOperation::move_data() {
  // Handles notices that have come in; without it a chatty trigger would fill libpq's memory and then the
  // socket.
  static_cast<void>(PQisBusy(raw()));
  for (std::size_t moved = 0; moved < bytes_per_advance;) {
    if (unflushed_ >= bytes_per_flush) {
      const int flushed = PQflush(raw());
      if (flushed != 0) return flushed < 0 ? Moved::lost : Moved::paused;
      unflushed_ = 0;
    }
    if (rest_.empty()) {
      if (pushed_ != nullptr && pushed_->given_up()) return Moved::aborted;
      if (pushed_ != nullptr && pushed_->waits()) return Moved::parked;
      try {
        rest_ = source_.next();
      } catch (...) {
        keep_stream_error();
        return Moved::aborted;
      }
      if (rest_.empty()) return end_data();
    }
    const std::string_view slice = rest_.substr(0, bytes_per_flush);
    switch (PQputCopyData(raw(), slice.data(), static_cast<int>(slice.size()))) {
      case 1: break;
      case 0: throw std::bad_alloc();  // for libpq's buffer, which is all but empty
      default: return Moved::lost;
    }
    rest_.remove_prefix(slice.size());
    unflushed_ += slice.size();
    moved += slice.size();
  }
  return Moved::paused;
}

CopyOperation::Moved CopyInOperation::end_data() {
  switch (PQputCopyEnd(raw(), nullptr)) {
    case 1: return Moved::ended;
    case 0: throw std::bad_alloc();
    default: return Moved::lost;
  }
}

}  // namespace copg::pq
