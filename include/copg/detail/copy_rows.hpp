// Any range of rows as the data of COPY ... FROM STDIN, in text format. Not for users.
#pragma once

#include <copg/copy_stream.hpp>
#include <copg/error.hpp>
#include <copg/mapping.hpp>
#include <copg/params.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// Bytes gathered before they are sent; no piece is shorter but the last.
inline constexpr std::size_t copy_piece_bytes = std::size_t{64} << 10;

/// Appends a row in COPY's text format: values between tabs, \N for NULL, and a newline.
void append_copy_row(const Params& row, std::string& out);

/// Goes over the range once. A row that does not fit throws DataError with its index.
template <std::ranges::input_range Range>
class CopyRows final : public CopySource {
 public:
  explicit CopyRows(Range& range) : next_(std::ranges::begin(range)), end_(std::ranges::end(range)) {}

  std::string_view next() override {
    piece_.clear();
    while (piece_.size() < copy_piece_bytes && next_ != end_) {
      add();
      ++next_;
      ++index_;
    }
    return piece_;
  }

 private:
  void add() {
    try {
      row_.clear();
      add_row(row_, *next_);
    } catch (const DataError& error) {
      ErrorInfo info = error.info();
      info.row_index = index_;
      throw DataError(std::move(info));
    }
    append_copy_row(row_, piece_);
  }

  std::ranges::iterator_t<Range> next_;
  std::ranges::sentinel_t<Range> end_;
  std::int64_t index_ = 0;
  Params row_;
  std::string piece_;
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
