// Enumerates all sequences of choices (the idea of TigerBeetle's exhaustigen): a program that asks `below(n)`
// instead of rolling dice is run again and again until every answer has been given at every place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace copg::test {

class Generator {
 public:
  /// Begins the next run; false when there is none left.
  bool next() {
    position_ = 0;
    if (!started_) return started_ = true;
    while (!choices_.empty() && choices_.back().value + 1 == choices_.back().bound) choices_.pop_back();
    if (choices_.empty()) return false;
    ++choices_.back().value;
    return true;
  }
  /// In this run, one of 0..bound-1.
  std::uint32_t below(std::uint32_t bound) {
    if (position_ == choices_.size()) choices_.push_back({0, bound});
    return choices_[position_++].value;
  }

 private:
  struct Choice {
    std::uint32_t value;
    std::uint32_t bound;
  };
  std::vector<Choice> choices_;
  std::size_t position_ = 0;
  bool started_ = false;
};

}  // namespace copg::test
