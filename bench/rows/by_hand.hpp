// What a program that has only libpq writes for itself, to read texts of the server's: no error is found that
// a right server can't make.
#pragma once

#include <charconv>
#include <chrono>
#include <string_view>

namespace copg::bench::by_hand {

template <class T>
T number(std::string_view text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "2024-03-31 01:30:00[.123456]+00"
inline std::chrono::sys_time<std::chrono::microseconds> time(std::string_view text) {
  using namespace std::chrono;
  const auto two = [text](std::size_t at) { return (text[at] - '0') * 10 + (text[at + 1] - '0'); };
  const sys_days day = year(two(0) * 100 + two(2)) / two(5) / two(8);
  microseconds fraction{};
  std::size_t end = 19;
  if (text[end] == '.') {
    int unit = 100'000;
    for (++end; text[end] >= '0' && text[end] <= '9'; ++end, unit /= 10)
      fraction += microseconds((text[end] - '0') * unit);
  }
  const hours zone(text[end] == '-' ? -two(end + 1) : two(end + 1));
  return day + hours(two(11)) + minutes(two(14)) + seconds(two(17)) + fraction - zone;
}

}  // namespace copg::bench::by_hand
