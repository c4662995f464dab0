// COPY TO STDOUT from the world's server.
#pragma once

#include <copg/copy_stream.hpp>

#include "pq/streamed_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class CopyOutOperation final : public StreamedOperation {
 public:
  CopyOutOperation(Connection& connection, std::string_view sql, CopySink& sink, BeginFirst begin)
      : StreamedOperation(connection, sql, begin), sink_(sink) {}
  [[nodiscard]] std::int64_t rows_copied() const noexcept { return rows_; }

 private:
  void answered() override {
    call([&] {
      for (; rows_ < 2; ++rows_) sink_.take("1\n");
    });
  }

  CopySink& sink_;
  std::int64_t rows_ = 0;
};

}  // namespace scripted
}  // namespace copg::pq
