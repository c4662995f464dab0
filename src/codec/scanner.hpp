// Reads short texts of a known shape from front to back: dates, intervals.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace copg::detail {

class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  [[nodiscard]] char peek() const noexcept { return rest_.empty() ? '\0' : rest_.front(); }
  /// Steps over `what` if it is next.
  bool take(std::string_view what) noexcept {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  /// Between `least` and `most` digits, at most 18, as a number.
  std::optional<std::int64_t> digits(std::size_t least, std::size_t most) noexcept {
    std::int64_t value = 0;
    std::size_t count = 0;
    while (count < most && count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') {
      value = value * 10 + (rest_[count++] - '0');
    }
    if (count < least) return std::nullopt;
    rest_.remove_prefix(count);
    return value;
  }
  /// If a point is next: the fraction after it, 1 to 6 digits, in millionths. 0 without a point.
  std::optional<std::int64_t> millionths() noexcept {
    if (!take(".")) return 0;
    const std::size_t before = rest_.size();
    std::optional<std::int64_t> value = digits(1, 6);
    for (std::size_t count = before - rest_.size(); value && count < 6; ++count) *value *= 10;
    return value;
  }
  /// Letters of the English alphabet.
  std::string_view word() noexcept {
    std::size_t count = 0;
    while (count < rest_.size() && (rest_[count] | 32) >= 'a' && (rest_[count] | 32) <= 'z') ++count;
    const std::string_view result = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return result;
  }

 private:
  std::string_view rest_;
};

}  // namespace copg::detail
