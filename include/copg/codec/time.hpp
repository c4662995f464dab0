// Dates, times, time points and durations of std::chrono.
//
// PostgreSQL counts microseconds. Finer time points are rounded down (as by std::chrono::floor) when sent, as
// are those that are read into a coarser type. `infinity`, which no std::chrono type can hold, and values
// outside the range of the type or of PostgreSQL are DataErrors. Dates are proleptic Gregorian.
#pragma once

#include <copg/codec/codec.hpp>
#include <copg/time_of_day.hpp>

#include <chrono>
#include <cstdint>
#include <ratio>

#pragma GCC visibility push(default)
namespace copg {
namespace detail {

/// A point in time: days since 1970-01-01, and the rest of the day in microseconds, 0..86,400,000,000
/// (exclusive).
struct Instant {
  std::int64_t days = 0;
  std::int64_t microseconds = 0;
};

void encode_date(std::int64_t days, Buffer& out);
std::int64_t decode_date(std::string_view text);
void encode_instant(const Instant& instant, bool utc, Buffer& out);
/// `zone`: whether an offset must, or must not, follow.
Instant decode_instant(std::string_view text, bool zone);
void encode_time_of_day(TimeOfDay value, Buffer& out);
TimeOfDay decode_time_of_day(std::string_view text);
void encode_interval(std::int64_t microseconds, Buffer& out);
std::int64_t decode_interval(std::string_view text);
/// Converts a calendar date, which must exist, to days; and back. Both throw DataError.
std::int64_t days_of(const std::chrono::year_month_day& date);
std::chrono::year_month_day date_of(std::int64_t days);

// These replace std::chrono's casts and floor, which overflow near the ends of their types.

/// `count` ticks of num/den seconds since 1970, rounded down to microseconds. Throws DataError on overflow.
Instant instant_of(std::int64_t count, std::int64_t num, std::int64_t den);
/// `instant` in ticks of num/den seconds, rounded down. Throws DataError if that is not in low..high.
std::int64_t ticks_of(const Instant& instant, std::int64_t num, std::int64_t den, std::int64_t low,
                      std::int64_t high);
/// `count` ticks of num/den seconds in microseconds, rounded down. Throws DataError on overflow.
std::int64_t microseconds_of(std::int64_t count, std::int64_t num, std::int64_t den);
std::int64_t microseconds_of(double seconds);

/// Ticks of a day or shorter, counted in integers of up to 64 bits.
template <class D>
concept PointDuration = std::signed_integral<typename D::rep> && sizeof(typename D::rep) <= 8 &&
                        std::ratio_less_equal_v<typename D::period, std::chrono::days::period>;

template <class D>
Instant to_instant(D since_epoch) {
  return instant_of(since_epoch.count(), D::period::num, D::period::den);
}

template <class D>
D from_instant(const Instant& instant) {
  using Limits = std::numeric_limits<typename D::rep>;
  using Tick = std::ratio_divide<typename D::period, std::micro>;
  // Microseconds and coarser: 64 bits are enough for the years that are in use.
  constexpr std::int64_t many_days = 1'000'000;
  if constexpr (Tick::den == 1 && sizeof(typename D::rep) == 8) {
    if (instant.days < many_days && instant.days > -many_days) {
      const std::int64_t microseconds = instant.days * 86'400'000'000 + instant.microseconds;
      const std::int64_t rest = microseconds % Tick::num;
      return D(microseconds / Tick::num - (rest < 0 ? 1 : 0));
    }
  }
  return D(static_cast<typename D::rep>(
      ticks_of(instant, D::period::num, D::period::den, Limits::min(), Limits::max())));
}

}  // namespace detail

/// timestamptz
template <detail::PointDuration D>
struct Codec<std::chrono::sys_time<D>> {
  static constexpr Oid oid = oid::timestamptz;
  static constexpr std::string_view name = "std::chrono::sys_time";
  static void encode(const std::chrono::sys_time<D>& value, Buffer& out) {
    detail::encode_instant(detail::to_instant(value.time_since_epoch()), true, out);
  }
  static std::chrono::sys_time<D> decode(std::string_view text) {
    return std::chrono::sys_time<D>(detail::from_instant<D>(detail::decode_instant(text, true)));
  }
};

/// timestamp (without time zone)
template <detail::PointDuration D>
struct Codec<std::chrono::local_time<D>> {
  static constexpr Oid oid = oid::timestamp;
  static constexpr std::string_view name = "std::chrono::local_time";
  static void encode(const std::chrono::local_time<D>& value, Buffer& out) {
    detail::encode_instant(detail::to_instant(value.time_since_epoch()), false, out);
  }
  static std::chrono::local_time<D> decode(std::string_view text) {
    return std::chrono::local_time<D>(detail::from_instant<D>(detail::decode_instant(text, false)));
  }
};

/// date
template <>
struct Codec<std::chrono::sys_days> {
  static constexpr Oid oid = oid::date;
  static constexpr std::string_view name = "std::chrono::sys_days";
  static void encode(std::chrono::sys_days value, Buffer& out) {
    detail::encode_date(value.time_since_epoch().count(), out);
  }
  static std::chrono::sys_days decode(std::string_view text) {
    using Days = std::chrono::days;
    return std::chrono::sys_days(Days(static_cast<Days::rep>(detail::decode_date(text))));
  }
};

/// date; a date that does not exist, such as 30 February, is a DataError
template <>
struct Codec<std::chrono::year_month_day> {
  static constexpr Oid oid = oid::date;
  static constexpr std::string_view name = "std::chrono::year_month_day";
  static void encode(const std::chrono::year_month_day& value, Buffer& out) {
    detail::encode_date(detail::days_of(value), out);
  }
  static std::chrono::year_month_day decode(std::string_view text) {
    return detail::date_of(detail::decode_date(text));
  }
};

/// time
template <>
struct Codec<TimeOfDay> {
  static constexpr Oid oid = oid::time;
  static void encode(TimeOfDay value, Buffer& out) { detail::encode_time_of_day(value, out); }
  static TimeOfDay decode(std::string_view text) { return detail::decode_time_of_day(text); }
};

/// interval. A day is 24 hours; months and years, which have no fixed length, are a DataError when read.
template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static constexpr Oid oid = oid::interval;
  static constexpr std::string_view name = "std::chrono::duration";

  static void encode(const Duration& value, Buffer& out) {
    if constexpr (std::is_floating_point_v<Rep>) {
      const auto ticks = static_cast<double>(value.count());
      detail::encode_interval(detail::microseconds_of(ticks * static_cast<double>(Period::num) /
                                                      static_cast<double>(Period::den)),
                              out);
    } else {
      static_assert(std::is_signed_v<Rep> && sizeof(Rep) <= 8,
                    "count durations in signed integers of up to 64 bits");
      detail::encode_interval(detail::microseconds_of(value.count(), Period::num, Period::den), out);
    }
  }

  static Duration decode(std::string_view text) {
    const std::int64_t microseconds = detail::decode_interval(text);
    if constexpr (std::is_floating_point_v<Rep>) {
      return std::chrono::duration<std::int64_t, std::micro>(microseconds);
    } else {
      using Limits = std::numeric_limits<Rep>;
      return Duration(static_cast<Rep>(
          detail::ticks_of({0, microseconds}, Period::num, Period::den, Limits::min(), Limits::max())));
    }
  }
};

}  // namespace copg
#pragma GCC visibility pop
