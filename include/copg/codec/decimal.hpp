// Decimal numbers of Boost.Multiprecision as numeric. Not part of copg.hpp: include it where they are used.
//
// ```cpp file
//     #include <copg/codec/decimal.hpp>
//
//     using Decimal = boost::multiprecision::cpp_dec_float_50;
// ```
#pragma once

#include <copg/codec/codec.hpp>

#include <algorithm>
#include <boost/multiprecision/cpp_dec_float.hpp>
#include <ios>
#include <limits>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// Digits from the first that is not 0 to the last that is not 0.
constexpr int significant_digits(std::string_view text) {
  int digits = 0, zeros = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') continue;
    if (c == '0') {
      zeros += digits > 0 ? 1 : 0;
    } else {
      digits += zeros + 1;
      zeros = 0;
    }
  }
  return digits;
}

}  // namespace detail

/// A numeric with more digits than the type holds is a DataError, not another number.
template <unsigned digits, class Exponent, class Allocator,
          boost::multiprecision::expression_template_option templates>
struct Codec<boost::multiprecision::number<boost::multiprecision::cpp_dec_float<digits, Exponent, Allocator>,
                                           templates>> {
  using Number =
      boost::multiprecision::number<boost::multiprecision::cpp_dec_float<digits, Exponent, Allocator>,
                                    templates>;
  static constexpr Oid oid = oid::numeric;
  static constexpr bool accepts(Oid column) {
    return column == oid::numeric || column == oid::int2 || column == oid::int4 || column == oid::int8;
  }

  static void encode(const Number& value, Buffer& out) {
    if (isnan(value)) return out.append("NaN");
    if (isinf(value)) return out.append(value < 0 ? "-Infinity" : "Infinity");
    // All digits that count; rounding at that place takes away what a quotient has behind them.
    out.append(value.str(std::numeric_limits<Number>::digits10, std::ios_base::fmtflags()));
  }
  static Number decode(std::string_view text) {
    if (text == "NaN") return std::numeric_limits<Number>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<Number>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<Number>::infinity();
    if (text.empty() || text.find_first_not_of("+-.0123456789") != std::string_view::npos)
      detail::reject_text("not a number", text);
    if (detail::significant_digits(text) > std::numeric_limits<Number>::digits10)
      detail::reject_text("the number has more digits than the type", text);
    return Number(std::string(text));
  }
};

}  // namespace copg
#pragma GCC visibility pop
