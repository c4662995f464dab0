// Any range of rows as a RowSource. Not for users.
#pragma once

#include <copg/mapping.hpp>
#include <copg/row_source.hpp>

#include <iterator>
#include <ranges>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// Goes over the range once.
template <std::ranges::input_range Range>
class RangeSource final : public RowSource {
 public:
  explicit RangeSource(Range& range) : next_(std::ranges::begin(range)), end_(std::ranges::end(range)) {}

  [[nodiscard]] bool empty() const { return next_ == end_; }
  bool next(Params& row) override {
    if (next_ == end_) return false;
    add_row(row, *next_);
    ++next_;
    return true;
  }

 private:
  std::ranges::iterator_t<Range> next_;
  std::ranges::sentinel_t<Range> end_;
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
