// Decoders without a fast way, to compare the library's with: std::from_chars for numbers; points in time
// character after character, with the calendar of std::chrono.
#pragma once

#include <copg/codec.hpp>

#include <bit>
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace copg::test {

/// Stands for what the library refuses; nothing else about the refusal is compared.
template <class T>
using Plain = std::optional<T>;

/// A value as its bits where == would not tell -0 from 0, or NaN from itself.
template <class T>
auto comparable(const T& value) {
  if constexpr (std::same_as<T, double>) {
    return std::bit_cast<std::uint64_t>(value);
  } else if constexpr (std::same_as<T, float>) {
    return std::bit_cast<std::uint32_t>(value);
  } else {
    return value;
  }
}

template <detail::Integer T>
Plain<T> read_plainly(std::string_view text) {
  const std::size_t point = text.find('.');
  if (point != std::string_view::npos && text.find_first_not_of('0', point + 1) == std::string_view::npos)
    text = text.substr(0, point);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <std::floating_point T>
Plain<T> read_plainly(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Takes characters from the front of a text.
class Taker {
 public:
  explicit Taker(std::string_view text) : rest_(text) {}
  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  Plain<int> digits(std::size_t least, std::size_t most) {
    std::size_t count = 0;
    while (count < rest_.size() && count < most && rest_[count] >= '0' && rest_[count] <= '9') ++count;
    if (count < least) return std::nullopt;
    int value = 0;
    std::from_chars(rest_.data(), rest_.data() + count, value);
    rest_.remove_prefix(count);
    return value;
  }
  [[nodiscard]] std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
};

/// The year is that of the era.
inline Plain<std::chrono::year_month_day> take_date(Taker& text) {
  const auto year = text.digits(4, 7);
  if (!year || *year == 0 || *year >= 32'000 || !text.take("-")) return std::nullopt;
  const auto month = text.digits(2, 2);
  if (!month || !text.take("-")) return std::nullopt;
  const auto day = text.digits(2, 2);
  if (!day) return std::nullopt;
  return std::chrono::year(*year) / *month / *day;
}

inline Plain<std::chrono::sys_days> end_date(Taker& text, std::chrono::year_month_day date) {
  if (text.take(" BC"))
    date = std::chrono::year(1 - static_cast<int>(date.year())) / date.month() / date.day();
  if (text.left() > 0 || !date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

/// Dates before the year 32000 alone.
inline Plain<std::chrono::sys_days> read_date_plainly(std::string_view whole) {
  Taker text(whole);
  const auto date = take_date(text);
  return date ? end_date(text, *date) : std::nullopt;
}

/// Before the year 32000 alone. `zone`: whether an offset must, or must not, follow.
inline Plain<std::chrono::sys_time<std::chrono::microseconds>> read_instant_plainly(std::string_view whole,
                                                                                    bool zone) {
  using namespace std::chrono;
  Taker text(whole);
  const auto date = take_date(text);
  if (!date || !text.take(" ")) return std::nullopt;
  const auto h = text.digits(2, 2);
  if (!h || *h > 23 || !text.take(":")) return std::nullopt;
  const auto m = text.digits(2, 2);
  if (!m || *m > 59 || !text.take(":")) return std::nullopt;
  const auto s = text.digits(2, 2);
  if (!s || *s > 59) return std::nullopt;
  microseconds clock = hours(*h) + minutes(*m) + seconds(*s);
  if (text.take(".")) {
    const std::size_t before = text.left();
    auto fraction = text.digits(1, 6);
    if (!fraction) return std::nullopt;
    for (std::size_t count = before - text.left(); count < 6; ++count) *fraction *= 10;
    clock += microseconds(*fraction);
  }
  if (zone) {
    const bool negative = text.take("-");
    if (!negative && !text.take("+")) return std::nullopt;
    const auto zone_hours = text.digits(2, 2);
    if (!zone_hours) return std::nullopt;
    seconds offset = hours(*zone_hours);
    if (text.take(":")) {
      const auto zone_minutes = text.digits(2, 2);
      if (!zone_minutes || *zone_minutes > 59) return std::nullopt;
      offset += minutes(*zone_minutes);
      if (text.take(":")) {
        const auto zone_seconds = text.digits(2, 2);
        if (!zone_seconds || *zone_seconds > 59) return std::nullopt;
        offset += seconds(*zone_seconds);
      }
    }
    clock += negative ? offset : -offset;
  }
  const auto day = end_date(text, *date);
  if (!day) return std::nullopt;
  return *day + clock;
}

inline Plain<std::chrono::sys_time<std::chrono::microseconds>> read_zoned_plainly(std::string_view text) {
  return read_instant_plainly(text, true);
}

inline Plain<std::chrono::local_time<std::chrono::microseconds>> read_local_plainly(std::string_view text) {
  const auto instant = read_instant_plainly(text, false);
  if (!instant) return std::nullopt;
  return std::chrono::local_time<std::chrono::microseconds>(instant->time_since_epoch());
}

/// What the library makes of it; nothing if that is a DataError.
template <class T>
Plain<T> read_by_library(std::string_view text) {
  try {
    return Codec<T>::decode(text);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

/// Whether the year of a date is one that is read plainly.
inline bool has_common_year(std::string_view text) {
  const std::size_t end = text.find_first_not_of("0123456789");
  return text.substr(0, end).size() < 5;
}

}  // namespace copg::test
