// Many rows to the world's server, which takes them for one statement, joined or not.
#pragma once

#include <copg/params.hpp>
#include <copg/row_source.hpp>

#include "pq/joinable_texts.hpp"
#include "pq/returned_rows.hpp"
#include "pq/streamed_operation.hpp"

namespace copg::pq {
inline namespace scripted {

class ExecuteManyOperation final : public StreamedOperation {
 public:
  ExecuteManyOperation(Connection& connection, std::string_view sql, RowSource& rows, BeginFirst begin,
                       JoinableTexts* /*joinable*/, ReturnedRows* /*returned*/ = nullptr)
      : StreamedOperation(connection, sql, begin), source_(rows) {}
  [[nodiscard]] std::exception_ptr source_error() const noexcept { return stream_error(); }
  [[nodiscard]] static detail::Effect effect() noexcept { return detail::Effect::committed; }
  [[nodiscard]] std::int64_t affected_rows() const noexcept { return rows_; }

 private:
  bool gather() override {
    return call([&] {
      for (Params row; source_.next(row); row = Params()) ++rows_;
    });
  }

  RowSource& source_;
  std::int64_t rows_ = 0;
};

}  // namespace scripted
}  // namespace copg::pq
