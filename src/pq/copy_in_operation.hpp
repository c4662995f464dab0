// COPY ... FROM STDIN: data pulled from a source, pushed to the server.
//
// An error of the server (a bad row) is reported when the source has ended: libpq shows the server's answer
// no earlier, and the server skips what is still sent. The connection survives such an error.
#pragma once

#include <copg/copy_stream.hpp>

#include <string_view>
#include <utility>

#include "pq/copy_operation.hpp"

namespace copg::pq {

/// A source that is filled from call to call.
class PushedData final : public CopySource {
 public:
  /// `data` must live until the operation is parked again.
  void put(std::string_view data) noexcept { data_ = data; }
  void end() noexcept { ended_ = true; }
  void give_up() noexcept { given_up_ = true; }
  /// There is nothing to be sent, and that is not the end.
  [[nodiscard]] bool waits() const noexcept { return data_.empty() && !ended_; }
  [[nodiscard]] bool given_up() const noexcept { return given_up_; }
  std::string_view next() override { return std::exchange(data_, {}); }

 private:
  std::string_view data_;
  bool ended_ = false;
  bool given_up_ = false;
};

class CopyInOperation final : public CopyOperation {
 public:
  /// Bytes put into libpq before its buffer must be flushed.
  static constexpr std::size_t bytes_per_flush = std::size_t{64} << 10;

  /// `source` must outlive the operation.
  CopyInOperation(Connection& connection, std::string_view sql, CopySource& source,
                  BeginFirst begin = BeginFirst::no)
      : CopyOperation(connection, sql, PGRES_COPY_IN, begin), source_(source) {}
  /// Parks whenever the source waits.
  CopyInOperation(Connection& connection, std::string_view sql, PushedData& pushed, BeginFirst begin)
      : CopyOperation(connection, sql, PGRES_COPY_IN, begin), source_(pushed), pushed_(&pushed) {}

 private:
  Moved move_data() override;
  Moved end_data();

  CopySource& source_;
  const PushedData* pushed_ = nullptr;  // the same; null: it is the caller's
  std::string_view rest_;               // of the piece that is being sent
  std::size_t unflushed_ = 0;
};

}  // namespace copg::pq
