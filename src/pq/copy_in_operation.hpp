// COPY ... FROM STDIN: data pulled from a source, pushed to the server.
//
// An error of the server (a bad row) is reported when the source has ended: libpq shows the server's answer
// no earlier, and the server skips what is still sent. The connection survives such an error.
#pragma once

#include <copg/copy_stream.hpp>

#include <string_view>

#include "pq/copy_operation.hpp"

namespace copg::pq {

class CopyInOperation final : public CopyOperation {
 public:
  /// Bytes put into libpq before its buffer must be flushed.
  static constexpr std::size_t bytes_per_flush = std::size_t{64} << 10;

  /// `source` must outlive the operation.
  CopyInOperation(Connection& connection, std::string_view sql, CopySource& source,
                  BeginFirst begin = BeginFirst::no)
      : CopyOperation(connection, sql, PGRES_COPY_IN, begin), source_(source) {}

 private:
  Moved move_data() override;
  Moved end_data();

  CopySource& source_;
  std::string_view rest_;  // of the piece that is being sent
  std::size_t unflushed_ = 0;
};

}  // namespace copg::pq
