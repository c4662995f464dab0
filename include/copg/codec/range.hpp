// copg::Range<T> as any range type whose bounds are T, and copg::Multirange<T> as any multirange type.
#pragma once

#include <copg/codec/parts.hpp>
#include <copg/range.hpp>

#include <optional>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// The type of the bounds of one of PostgreSQL's range types; 0: it is another type.
[[nodiscard]] Oid bound_of(Oid range) noexcept;
/// PostgreSQL's range type over numeric, date, timestamp and timestamptz; 0 for all others, so that the
/// server infers it: whole numbers of one size fit several.
[[nodiscard]] Oid range_over(Oid bound) noexcept;
/// The type of the ranges of one of PostgreSQL's multirange types; 0: it is another type.
[[nodiscard]] Oid range_of(Oid multirange) noexcept;
/// PostgreSQL's multirange type of such ranges; 0: they are of another type.
[[nodiscard]] Oid multirange_over(Oid range) noexcept;

/// A type of a user's own: it is not in the tables, and only its text can show whether it fits.
[[nodiscard]] inline bool is_users_type(Oid type) noexcept {
  return copg::element_of(type) == oid::inferred && copg::array_of(type) == oid::inferred;
}

/// Reads the next range, with its brackets.
template <class T>
Range<T> read_range(PartReader& reader) {
  Range<T> range;
  range.lower_inclusive = reader.step_over('[', '(') == '[';
  if (const auto lower = reader.part(',')) range.lower = Codec<T>::decode(*lower);
  const char end = reader.end_of_next(']', ')');
  if (const auto upper = reader.part(end)) range.upper = Codec<T>::decode(*upper);
  range.upper_inclusive = end == ']';
  return range;
}

}  // namespace detail

template <class T>
requires(requires { Codec<T>::oid; }) struct Codec<Range<T>> {
  static constexpr Oid oid = oid::inferred;

  static Oid oid_of(const Range<T>& value) {
    if (value.empty || (!value.lower && !value.upper)) return detail::range_over(Codec<T>::oid);
    return detail::range_over(detail::oid_of<T>(value.lower ? *value.lower : *value.upper));
  }
  static bool accepts(Oid column) {
    const Oid bound = detail::bound_of(column);
    return bound != oid::inferred ? detail::accepts<T>(bound) : detail::is_users_type(column);
  }
  static void encode(const Range<T>& value, Buffer& out) requires Encodable<T> {
    if (value.empty) return out.append("empty");
    out.push_back(value.lower_inclusive ? '[' : '(');
    if (value.lower) detail::encode_part(*value.lower, out);
    out.push_back(',');
    if (value.upper) detail::encode_part(*value.upper, out);
    out.push_back(value.upper_inclusive ? ']' : ')');
  }
  static Range<T> decode(std::string_view text) requires Decodable<T> {
    if (text == "empty") return Range<T>::nothing();
    detail::PartReader reader(text);
    Range<T> range = detail::read_range<T>(reader);
    if (!reader.done()) reader.fail();
    return range;
  }
};

template <class T>
requires(requires { Codec<T>::oid; }) struct Codec<Multirange<T>> {
  static constexpr Oid oid = oid::inferred;

  static Oid oid_of(const Multirange<T>& value) {
    if (value.ranges.empty()) return detail::multirange_over(detail::range_over(Codec<T>::oid));
    return detail::multirange_over(detail::oid_of<Range<T>>(value.ranges.front()));
  }
  static bool accepts(Oid column) {
    const Oid range = detail::range_of(column);
    return range != oid::inferred ? Codec<Range<T>>::accepts(range) : detail::is_users_type(column);
  }
  static void encode(const Multirange<T>& value, Buffer& out) requires Encodable<T> {
    out.push_back('{');
    for (const Range<T>& range : value.ranges) {
      if (&range != value.ranges.data()) out.push_back(',');
      Codec<Range<T>>::encode(range, out);
    }
    out.push_back('}');
  }
  static Multirange<T> decode(std::string_view text) requires Decodable<T> {
    Multirange<T> result;
    detail::PartReader reader(text);
    reader.step_over('{', '{');
    if (text == "{}") return result;
    do result.ranges.push_back(detail::read_range<T>(reader));
    while (reader.step_over(',', '}') == ',');
    if (!reader.done()) reader.fail();
    return result;
  }
};

}  // namespace copg
#pragma GCC visibility pop
