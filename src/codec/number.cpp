// Numbers to and from text, and what is wrong with a text that is no number.
//
// Most numbers are short: reading them takes a loop over their digits. What that loop does not take,
// std::from_chars judges, which also says what is wrong with it.
#include <copg/codec/number.hpp>

#include <array>
#include <cfloat>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

namespace copg::detail {
namespace {

/// The digits from `at` on are appended to `value`. Returns where they end.
const char* read_digits(const char* at, const char* end, std::uint64_t& value) {
  for (; at != end; ++at) {
    const unsigned digit = static_cast<unsigned char>(*at) - static_cast<unsigned>('0');
    if (digit > 9) break;
    value = value * 10 + digit;
  }
  return at;
}

/// The digits before the point, if nothing but zeros comes after it.
std::string_view integral_part(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point == std::string_view::npos || text.find_first_not_of('0', point + 1) != std::string_view::npos)
    return text;
  return text.substr(0, point);
}

[[noreturn]] void reject_integer(std::string_view text, std::errc error) {
  if (error == std::errc::result_out_of_range) reject_text("out of range", text);
  const bool number = !text.empty() && text.find_first_not_of("+-.0123456789") == std::string_view::npos;
  reject_text(number && text.find('.') != std::string_view::npos ? "not a whole number"
              : number                                           ? "out of range"
                                                                 : "not a number",
              text);
}

/// Any number of digits, and numerics such as 5.00.
template <class T>
[[gnu::noinline]] T decode_rare_integer(std::string_view text) {
  T value{};
  const std::string_view digits = integral_part(text);
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (result.ec == std::errc() && result.ptr == digits.data() + digits.size()) return value;
  reject_integer(text, result.ec);
}

template <class T>
void encode_number(T value, Buffer& out) {
  char text[64];
  const auto result = std::to_chars(text, text + sizeof text, value);
  out.append({text, static_cast<std::size_t>(result.ptr - text)});
}

template <class T>
void encode_floating(T value, Buffer& out) {
  if (std::isnan(value)) return out.append("NaN");
  if (std::isinf(value)) return out.append(value < 0 ? "-Infinity" : "Infinity");
  encode_number(value, out);
}

template <class T>
[[gnu::noinline]] T decode_rare_floating(std::string_view text) {
  T value{};
  const char* const end = text.data() + text.size();
  // Takes PostgreSQL's NaN, Infinity and -Infinity too.
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec == std::errc::result_out_of_range) reject_text("out of range", text);
  if (result.ec != std::errc() || result.ptr != end) reject_text("not a number", text);
  return value;
}

/// The powers of ten that a T holds exactly: 10^n = 2^n * 5^n, and 5^n has no more bits than its mantissa.
template <class T>
constexpr auto exact_powers = [] {
  std::array<T, std::numeric_limits<T>::digits == 53 ? 23 : 11> powers{};
  T power = 1;
  for (T& each : powers) {
    each = power;
    power *= 10;
  }
  return powers;
}();

/// Digits with at most one point among them, no exponent. Where the digits as a whole number and the power of
/// ten are both exact, IEEE 754 rounds their quotient right (Clinger, "How to read floating point numbers
/// accurately"; so does std::from_chars).
template <class T>
T decode_floating(std::string_view text) {
  static_assert(std::numeric_limits<T>::is_iec559);
  constexpr std::uint64_t exact = std::uint64_t{1} << std::numeric_limits<T>::digits;
  constexpr std::size_t most = 17;  // characters: with more digits the number is hardly ever exact
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = at != end && *at == '-';
  at += negative ? 1 : 0;
  if (static_cast<std::size_t>(end - at) <= most && FLT_EVAL_METHOD == 0) {
    std::uint64_t digits = 0;
    const char* const point = read_digits(at, end, digits);
    const char* const after_point = point != end && *point == '.' ? point + 1 : point;
    const auto decimals = static_cast<std::size_t>(read_digits(after_point, end, digits) - after_point);
    // Not ".5", nor "5.", which it never writes.
    const bool complete =
        point != at && after_point + decimals == end && (decimals > 0) == (after_point != point);
    if (complete && digits <= exact && decimals < exact_powers<T>.size()) {
      const T value = static_cast<T>(digits) / exact_powers<T>[decimals];
      return negative ? -value : value;
    }
  }
  return decode_rare_floating<T>(text);
}

}  // namespace

template <class T>
T decode_integer(std::string_view text) {
  constexpr std::ptrdiff_t most = 18;  // digits that fit into 64 bits whatever they are
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool negative = std::is_signed_v<T> && at != end && *at == '-';
  at += negative ? 1 : 0;
  if (at != end && end - at <= most) {
    std::uint64_t digits = 0;
    if (read_digits(at, end, digits) == end) {
      const auto value = static_cast<std::int64_t>(negative ? 0 - digits : digits);
      if (std::in_range<T>(value)) return static_cast<T>(value);
    }
  }
  return decode_rare_integer<T>(text);
}

template signed char decode_integer(std::string_view);
template unsigned char decode_integer(std::string_view);
template short decode_integer(std::string_view);
template unsigned short decode_integer(std::string_view);
template int decode_integer(std::string_view);
template unsigned decode_integer(std::string_view);
template long decode_integer(std::string_view);
template unsigned long decode_integer(std::string_view);
template long long decode_integer(std::string_view);
template unsigned long long decode_integer(std::string_view);

void encode_integer(std::int64_t value, Buffer& out) { encode_number(value, out); }
void encode_integer(std::uint64_t value, Buffer& out) { encode_number(value, out); }
void encode_double(double value, Buffer& out) { encode_floating(value, out); }
void encode_float(float value, Buffer& out) { encode_floating(value, out); }
double decode_double(std::string_view text) { return decode_floating<double>(text); }
float decode_float(std::string_view text) { return decode_floating<float>(text); }

}  // namespace copg::detail
