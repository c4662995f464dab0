// bool, integers and floating point numbers.
//
// Signed integers travel as int2, int4 or int8, unsigned ones as the next larger type, and values above int8
// as numeric. Reading checks the range: a number that does not fit is a DataError, never another number.
#pragma once

#include <copg/codec/codec.hpp>

#include <cstdint>
#include <limits>

#pragma GCC visibility push(default)
namespace copg {

template <>
struct Codec<bool> {
  static constexpr Oid oid = oid::boolean;
  static void encode(bool value, Buffer& out) { out.push_back(value ? 't' : 'f'); }
  static bool decode(std::string_view text) {
    if (text == "t") return true;
    if (text == "f") return false;
    detail::reject_text("not a boolean", text);
  }
};

namespace detail {

template <class T>
concept Integer =
    std::integral<T> && !std::same_as<T, bool> && !std::same_as<T, char> && !std::same_as<T, wchar_t> &&
    !std::same_as<T, char8_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t> && sizeof(T) <= 8;

/// int2, int4, int8, oid, numeric.
constexpr bool is_integer_column(Oid column) {
  return column == oid::int4 || column == oid::int8 || column == oid::int2 || column == oid::oid ||
         column == oid::numeric;
}

template <class T>
constexpr Oid integer_oid() {
  constexpr std::size_t size = sizeof(T) + (std::is_unsigned_v<T> ? 1 : 0);  // the unsigned need one bit more
  return size <= 2 ? oid::int2 : size <= 4 ? oid::int4 : size <= 8 ? oid::int8 : oid::numeric;
}

void encode_integer(std::int64_t value, Buffer& out);
void encode_integer(std::uint64_t value, Buffer& out);
/// Defined for every Integer.
template <class T>
[[gnu::visibility("default")]] T decode_integer(std::string_view text);

void encode_double(double value, Buffer& out);
void encode_float(float value, Buffer& out);
double decode_double(std::string_view text);
float decode_float(std::string_view text);

}  // namespace detail

template <detail::Integer T>
struct Codec<T> {
  static constexpr Oid oid = detail::integer_oid<T>();

  /// A std::size_t that fits is sent as int8, because a numeric would keep the server from using an index on
  /// a bigint column.
  static Oid oid_of(T value) {
    if constexpr (oid == oid::numeric) {
      return value <= static_cast<T>(std::numeric_limits<std::int64_t>::max()) ? oid::int8 : oid::numeric;
    } else {
      return static_cast<void>(value), oid;
    }
  }
  static constexpr bool accepts(Oid column) { return detail::is_integer_column(column); }

  static void encode(T value, Buffer& out) {
    using Widest = std::conditional_t<std::is_signed_v<T>, std::int64_t, std::uint64_t>;
    detail::encode_integer(static_cast<Widest>(value), out);
  }
  static T decode(std::string_view text) { return detail::decode_integer<T>(text); }
};

/// Sent as the shortest text that gives the same number again, NaN and the infinities included.
template <>
struct Codec<double> {
  static constexpr Oid oid = oid::float8;
  static constexpr bool accepts(Oid column) {
    return column == oid::float8 || column == oid::float4 || detail::is_integer_column(column);
  }
  static void encode(double value, Buffer& out) { detail::encode_double(value, out); }
  static double decode(std::string_view text) { return detail::decode_double(text); }
};

template <>
struct Codec<float> {
  static constexpr Oid oid = oid::float4;
  static constexpr bool accepts(Oid column) { return Codec<double>::accepts(column); }
  static void encode(float value, Buffer& out) { detail::encode_float(value, out); }
  static float decode(std::string_view text) { return detail::decode_float(text); }
};

}  // namespace copg
#pragma GCC visibility pop
