// Rows of parameters for execute_many, out of a function.
#pragma once

#include <gtest/gtest.h>

#include <copg/params.hpp>
#include <copg/row_source.hpp>

#include <cstdint>
#include <functional>
#include <utility>

namespace copg::test {

class MadeRows final : public RowSource {
 public:
  MadeRows(std::int64_t count, std::function<void(std::int64_t, Params&)> fill)
      : count_(count), fill_(std::move(fill)) {}
  bool next(Params& row) override {
    EXPECT_TRUE(row.empty());
    if (at_ == count_) return false;
    fill_(at_, row);
    ++at_;
    return true;
  }

 private:
  std::int64_t count_;
  std::function<void(std::int64_t, Params&)> fill_;
  std::int64_t at_ = 0;
};

/// 0, 1, 2 and so on.
template <class Number = std::int32_t>
MadeRows numbers(std::int64_t count) {
  return {count, [](std::int64_t i, Params& row) { row.add(static_cast<Number>(i)); }};
}

}  // namespace copg::test
