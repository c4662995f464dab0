// Statements that may write, and whose rows must have a shape: they are executed only if the columns fit.
#pragma once

#include <copg/detail/row_shape.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace copg::pq {

/// Which statements are known to return rows of the requested shape; it keeps a hash of each. Thread-safe. If
/// a table or the search path has changed, it may be wrong: then the statement is executed, and its caller is
/// told so.
class FittingTexts {
 public:
  [[nodiscard]] bool contains(std::uint64_t text, const detail::RowShape& shape) const noexcept {
    const std::uint64_t key = key_of(text, shape);
    return places_[key % places_.size()].load(std::memory_order_relaxed) == key;
  }
  void insert(std::uint64_t text, const detail::RowShape& shape) noexcept {
    const std::uint64_t key = key_of(text, shape);
    places_[key % places_.size()].store(key, std::memory_order_relaxed);
  }

 private:
  /// Never 0, which marks an empty place.
  static std::uint64_t key_of(std::uint64_t text, const detail::RowShape& shape) noexcept {
    constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // 2^64 through the golden ratio
    const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(&shape));
    const std::uint64_t mixed = (text ^ address) * odd;
    return (mixed ^ (mixed >> 32U)) | 1U;
  }

  std::array<std::atomic<std::uint64_t>, 509> places_{};  // a prime: keys are odd
};

/// Asks for the columns before executing. Empty: the statement is executed at once.
struct DescribeFirst {
  const detail::RowShape* shape = nullptr;
  FittingTexts* known = nullptr;  ///< Where a statement that fits is inserted.
  std::uint64_t text = 0;         ///< Its key there.

  explicit operator bool() const noexcept { return shape != nullptr; }
};

}  // namespace copg::pq
