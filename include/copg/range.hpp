// A range of PostgreSQL, two bounds, and a multirange, which is several ranges.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <utility>
#include <vector>

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

/// Ranges in the order given, from PostgreSQL 14 on. Read from the server, they are sorted, not empty, and
/// neither overlap nor touch.
template <class T>
struct Multirange {
  std::vector<Range<T>> ranges;

  Multirange() = default;
  /// The constructors make it no aggregate, which would be read as a row of one column.
  Multirange(std::vector<Range<T>> of) : ranges(std::move(of)) {}
  Multirange(std::initializer_list<Range<T>> of) : ranges(of) {}

  [[nodiscard]] bool contains(const T& value) const {
    return std::ranges::any_of(ranges, [&](const Range<T>& range) { return range.contains(value); });
  }
  friend bool operator==(const Multirange& a, const Multirange& b) { return a.ranges == b.ranges; }
};

}  // namespace copg
#pragma GCC visibility pop
