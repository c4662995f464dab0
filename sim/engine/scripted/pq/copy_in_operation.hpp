// COPY FROM STDIN to the world's server.
#pragma once

#include <copg/copy_stream.hpp>

#include "pq/streamed_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class CopyInOperation final : public StreamedOperation {
 public:
  CopyInOperation(Connection& connection, std::string_view sql, CopySource& source, BeginFirst begin)
      : StreamedOperation(connection, sql, begin), source_(source) {}
  [[nodiscard]] std::int64_t rows_copied() const noexcept { return rows_; }

 private:
  bool gather() override {
    return call([&] {
      while (!source_.next().empty()) ++rows_;
    });
  }

  CopySource& source_;
  std::int64_t rows_ = 0;
};

}  // namespace scripted
}  // namespace copg::pq
