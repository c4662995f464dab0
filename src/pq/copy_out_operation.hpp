// COPY ... TO STDOUT: data from the server, given to a sink piece by piece.
//
// If the sink throws, the statement is ended on the server, so that the rest need not be sent; the connection
// survives.
#pragma once

#include <copg/copy_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "pq/copy_operation.hpp"

namespace copg::pq {

/// A sink that is emptied from call to call.
class PulledData final : public CopySink {
 public:
  /// A piece has this size, unless the server has sent less so far.
  static constexpr std::size_t piece_bytes = std::size_t{64} << 10;

  enum class Want : std::uint8_t {
    nothing,
    piece,
    rest,  // which is dropped
  };

  void want(Want what) noexcept { wanted_ = what; }
  void give_up() noexcept { given_up_ = true; }
  [[nodiscard]] bool full() const noexcept { return wanted_ == Want::nothing || data_.size() >= piece_bytes; }
  [[nodiscard]] bool empty() const noexcept { return data_.empty(); }
  [[nodiscard]] bool given_up() const noexcept { return given_up_; }
  void take(std::string_view piece) override {
    if (wanted_ == Want::piece) data_ += piece;
  }
  /// What has come.
  [[nodiscard]] std::string take_all() noexcept { return std::exchange(data_, {}); }

 private:
  std::string data_;
  Want wanted_ = Want::nothing;
  bool given_up_ = false;
};

class CopyOutOperation final : public CopyOperation {
 public:
  /// `sink` must outlive the operation.
  CopyOutOperation(Connection& connection, std::string_view sql, CopySink& sink,
                   BeginFirst begin = BeginFirst::no)
      : CopyOperation(connection, sql, PGRES_COPY_OUT, begin), sink_(sink) {}
  /// Parks when the sink is full, and where it would wait with something in it.
  CopyOutOperation(Connection& connection, std::string_view sql, PulledData& pulled, BeginFirst begin)
      : CopyOperation(connection, sql, PGRES_COPY_OUT, begin), sink_(pulled), pulled_(&pulled) {}

 private:
  Moved move_data() override;

  CopySink& sink_;
  const PulledData* pulled_ = nullptr;  // the same; null: it is the caller's
};

}  // namespace copg::pq
