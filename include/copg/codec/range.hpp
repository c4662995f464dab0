// copg::Range<T> as any range type whose bounds are T.
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
    if (bound != oid::inferred) return detail::accepts<T>(bound);
    return copg::element_of(column) == oid::inferred &&
           copg::array_of(column) == oid::inferred;  // a user's type
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
    if (text.size() < 3 || (text.front() != '[' && text.front() != '(') ||
        (text.back() != ']' && text.back() != ')'))
      detail::reject_text("not a range", text);
    Range<T> range;
    detail::PartReader reader(text.substr(1));
    if (const auto lower = reader.part(',')) range.lower = Codec<T>::decode(*lower);
    if (const auto upper = reader.part(text.back())) range.upper = Codec<T>::decode(*upper);
    if (!reader.done()) reader.fail();
    range.lower_inclusive = text.front() == '[';
    range.upper_inclusive = text.back() == ']';
    return range;
  }
};

}  // namespace copg
#pragma GCC visibility pop
