// A range of PostgreSQL: two bounds.
#pragma once

#include <optional>
#include <utility>

#pragma GCC visibility push(default)
namespace copg {

/// From `lower` to `upper`, each of which may be absent: then the range is infinite there. As the server
/// keeps ranges of whole numbers and of dates, the lower bound belongs to the range and the upper one does
/// not, unless they say otherwise.
template <class T>
struct Range {
  std::optional<T> lower{};
  std::optional<T> upper{};
  bool lower_inclusive = true;   ///< Without a meaning where `lower` is absent.
  bool upper_inclusive = false;  ///< Without a meaning where `upper` is absent.
  bool empty = false;            ///< Nothing else has a meaning then.

  Range() = default;
  /// The constructors make it no aggregate, which would be read as a row of five columns.
  Range(std::optional<T> from, std::optional<T> to, bool with_from = true, bool with_to = false)
      : lower(std::move(from)), upper(std::move(to)), lower_inclusive(with_from), upper_inclusive(with_to) {}
  [[nodiscard]] static Range nothing() {
    Range range;
    range.empty = true;
    return range;
  }

  [[nodiscard]] bool contains(const T& value) const {
    if (empty) return false;
    if (lower && (value < *lower || (!lower_inclusive && !(*lower < value)))) return false;
    return !upper || value < *upper || (upper_inclusive && !(*upper < value));
  }
  friend bool operator==(const Range& a, const Range& b) {
    if (a.empty || b.empty) return a.empty == b.empty;
    return a.lower == b.lower && a.upper == b.upper && (!a.lower || a.lower_inclusive == b.lower_inclusive) &&
           (!a.upper || a.upper_inclusive == b.upper_inclusive);
  }
};

}  // namespace copg
#pragma GCC visibility pop
