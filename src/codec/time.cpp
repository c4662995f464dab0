// Dates, points in time and times of day, as the server writes them with DateStyle ISO.
#include <copg/codec/time.hpp>

#include <fmt/format.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <iterator>
#include <limits>
#include <optional>

#include "codec/scanner.hpp"
#include "codec/time_units.hpp"

namespace copg::detail {
namespace {

__extension__ typedef __int128 Wide;

// The server's own range (datatype/timestamp.h), in days since 1970-01-01.
constexpr std::int64_t first_day = -2'440'588;           // 4714-11-24 BC, Julian day 0
constexpr std::int64_t end_of_dates = 2'145'042'906;     // 5874898-01-01
constexpr std::int64_t end_of_timestamps = 106'762'940;  // 294277-01-01

struct Civil {
  std::int64_t year = 0;  ///< astronomical: 0 is 1 BC
  std::int64_t month = 1;
  std::int64_t day = 1;
};

// days_from_civil and civil_from_days of Howard Hinnant's "chrono-compatible low-level date algorithms", in
// 64 bits: std::chrono::year ends at 32767.
std::int64_t days_from_civil(const Civil& civil) {
  const std::int64_t year = civil.month <= 2 ? civil.year - 1 : civil.year;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t month = civil.month > 2 ? civil.month - 3 : civil.month + 9;
  const std::int64_t day_of_year = (153 * month + 2) / 5 + civil.day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

Civil civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month = (5 * day_of_year + 2) / 153;
  Civil civil;
  civil.day = day_of_year - (153 * month + 2) / 5 + 1;
  civil.month = month < 10 ? month + 3 : month - 9;
  civil.year = year_of_era + era * 400 + (civil.month <= 2 ? 1 : 0);
  return civil;
}

std::int64_t days_in_month(std::int64_t year, std::int64_t month) {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

template <class... Args>
void append(Buffer& out, fmt::format_string<Args...> format, Args&&... args) {
  char text[64];
  const auto result = fmt::format_to_n(text, sizeof text, format, std::forward<Args>(args)...);
  out.append({text, result.size});
}

/// The date without the era: the year of an era begins with 1.
void append_civil(const Civil& civil, Buffer& out) {
  append(out, "{:04}-{:02}-{:02}", civil.year > 0 ? civil.year : 1 - civil.year, civil.month, civil.day);
}

void append_clock(std::int64_t microseconds, Buffer& out) {
  append(out, "{:02}:{:02}:{:02}", microseconds / (3'600 * second), microseconds / (60 * second) % 60,
         microseconds / second % 60);
  if (microseconds % second != 0) append(out, ".{:06}", microseconds % second);
}

/// year-month-day of an era that is still to come.
std::optional<Civil> scan_civil(Scanner& scanner) {
  const auto year = scanner.digits(4, 7);
  if (!year || !scanner.take("-")) return std::nullopt;
  const auto month = scanner.digits(2, 2);
  if (!month || !scanner.take("-")) return std::nullopt;
  const auto day_of_month = scanner.digits(2, 2);
  if (!day_of_month) return std::nullopt;
  return Civil{*year, *month, *day_of_month};
}

/// The era, the end of the text, and whether such a date exists.
std::optional<std::int64_t> finish_civil(Scanner& scanner, Civil civil) {
  if (civil.year == 0) return std::nullopt;
  if (scanner.take(" BC")) civil.year = 1 - civil.year;
  if (!scanner.done() || civil.month < 1 || civil.month > 12 || civil.day < 1 ||
      civil.day > days_in_month(civil.year, civil.month)) {
    return std::nullopt;
  }
  return days_from_civil(civil);
}

/// hours:minutes:seconds[.fraction] in microseconds; the hours are not checked against a day.
std::optional<std::int64_t> scan_clock(Scanner& scanner) {
  const auto hours = scanner.digits(2, 2);
  if (!hours || !scanner.take(":")) return std::nullopt;
  const auto minutes = scanner.digits(2, 2);
  if (!minutes || *minutes > 59 || !scanner.take(":")) return std::nullopt;
  const auto seconds = scanner.digits(2, 2);
  if (!seconds || *seconds > 59) return std::nullopt;
  const auto fraction = scanner.millionths();
  if (!fraction) return std::nullopt;
  return ((*hours * 60 + *minutes) * 60 + *seconds) * second + *fraction;
}

/// +hh[:mm[:ss]] in microseconds.
std::optional<std::int64_t> scan_zone(Scanner& scanner) {
  const bool negative = scanner.take("-");
  if (!negative && !scanner.take("+")) return std::nullopt;
  std::int64_t offset = 0;
  std::int64_t unit = 3'600;
  do {
    const auto part = scanner.digits(2, 2);
    if (!part || (unit < 3'600 && *part > 59)) return std::nullopt;
    offset += *part * unit;
    unit /= 60;
  } while (unit > 0 && scanner.take(":"));
  return (negative ? -offset : offset) * second;
}

// What follows reads what the server nearly always writes, and says nothing of anything else: that is left to
// the functions above.

/// Two digits; more than 99 if they are none.
unsigned read_pair(const char* at) noexcept {
  const unsigned tens = static_cast<unsigned char>(at[0]) - static_cast<unsigned>('0');
  const unsigned ones = static_cast<unsigned char>(at[1]) - static_cast<unsigned>('0');
  return tens <= 9 && ones <= 9 ? tens * 10 + ones : 100;
}

/// Three pairs of digits, and whether that is what they were.
struct Triple {
  unsigned first = 0;
  unsigned second = 0;
  unsigned third = 0;
  bool right = false;
};

/// "24-03-31" or "01:30:00": eight characters, all of them at once.
Triple read_triple(const char* at, unsigned char separator) noexcept {
  constexpr std::uint64_t every = 0x01'01'01'01'01'01'01'01;
  constexpr std::uint64_t separators = 0x00'00'FF'00'00'FF'00'00;  // the first character has the lowest byte
  const auto shape = [](std::uint64_t digit, std::uint64_t other) {
    return (digit * every & ~separators) | (other * every & separators);
  };
  std::uint64_t text = 0;
  std::memcpy(&text, at, sizeof text);
  if constexpr (std::endian::native == std::endian::big) text = __builtin_bswap64(text);
  // Digits become 0 to 9, and separators 0. To anything else, adding this sets its byte's highest bit.
  const std::uint64_t digits = text ^ shape('0', separator);
  const std::uint64_t too_much = digits + shape(0x80 - 10, 0x80 - 1);
  const std::uint64_t pairs = digits * 10 + (digits >> 8);
  return {.first = static_cast<unsigned>(pairs & 0xFF),
          .second = static_cast<unsigned>(pairs >> 24 & 0xFF),
          .third = static_cast<unsigned>(pairs >> 48 & 0xFF),
          .right = ((digits | too_much) & 0x80 * every) == 0};
}

constexpr std::size_t date_size = 10;       // 2024-03-31
constexpr std::size_t date_time_size = 19;  // 2024-03-31 01:30:00

/// The days before a month in a year without a leap day; the last one ends the year.
constexpr std::array<unsigned, 13> days_before = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

/// The first ten characters of `text`, which must have that many, as days since 1970-01-01.
std::optional<std::int64_t> read_date(const char* text) noexcept {
  const unsigned century = read_pair(text);
  const auto [year_of_century, month, day_of_month, right] = read_triple(text + 2, '-');
  const unsigned year = century * 100 + year_of_century;
  if (!right || century > 99 || year == 0 || month - 1 > 11) return {};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  const unsigned length = days_before[month] - days_before[month - 1] + (leap && month == 2 ? 1 : 0);
  if (day_of_month - 1 >= length) return {};
  constexpr std::int64_t before_1970 = 719'162;  // days from 0001-01-01
  const unsigned years = year - 1;
  return static_cast<std::int64_t>(years * 365 + years / 4 - years / 100 + years / 400 +
                                   days_before[month - 1] + (leap && month > 2 ? 1 : 0) + day_of_month - 1) -
         before_1970;
}

/// "2024-03-31 01:30:00[.123456]", and, if there is to be a zone, "+00".
std::optional<Instant> read_instant(std::string_view text, bool zone) noexcept {
  const std::size_t zone_size = zone ? 3 : 0;
  if (text.size() < date_time_size + zone_size) return {};
  const auto days = read_date(text.data());
  const auto [hours, minutes, seconds, right] = read_triple(text.data() + date_size + 1, ':');
  if (!days || text[date_size] != ' ' || !right || hours > 23 || minutes > 59 || seconds > 59) return {};
  std::int64_t clock = ((hours * 60 + minutes) * 60 + seconds) * second;
  std::size_t at = date_time_size;
  if (text.size() != at + zone_size) {
    const std::size_t decimals = text.size() - zone_size - at - 1;
    if (text[at] != '.' || decimals < 1 || decimals > 6) return {};
    unsigned fraction = 0;
    for (++at; at < text.size() - zone_size; ++at) {
      const unsigned digit = static_cast<unsigned char>(text[at]) - static_cast<unsigned>('0');
      if (digit > 9) return {};
      fraction = fraction * 10 + digit;
    }
    constexpr std::array<unsigned, 7> units = {1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
    clock += fraction * units[decimals];
  }
  if (!zone) return Instant{*days, clock};
  const char sign = text[at];
  const unsigned offset = read_pair(text.data() + at + 1);
  if (offset > 99 || (sign != '+' && sign != '-')) return {};
  clock += (sign == '-' ? offset : -static_cast<std::int64_t>(offset)) * hour;
  std::int64_t carry = 0;
  for (; clock < 0; clock += day) --carry;
  for (; clock >= day; clock -= day) ++carry;
  return Instant{*days + carry, clock};
}

void reject_infinity(std::string_view text) {
  if (text == "infinity" || text == "-infinity") {
    throw DataError(fmt::format("'{}' has no place in std::chrono: read it as a string", text));
  }
}

[[noreturn]] void reject_range() { throw DataError("out of range"); }

std::int64_t narrow(Wide value, std::int64_t low, std::int64_t high) {
  if (value < low || value > high) reject_range();
  return static_cast<std::int64_t>(value);
}

Wide floor_divide(Wide value, Wide divisor) {
  const Wide quotient = value / divisor;
  return value % divisor < 0 ? quotient - 1 : quotient;
}

/// `count` ticks of num/den seconds, rounded down.
Wide wide_microseconds(std::int64_t count, std::int64_t num, std::int64_t den) {
  Wide product = 0;
  if (__builtin_mul_overflow(static_cast<Wide>(count) * num, static_cast<Wide>(second), &product))
    reject_range();
  return floor_divide(product, den);
}

}  // namespace

void encode_date(std::int64_t days, Buffer& out) {
  if (days < first_day || days >= end_of_dates)
    throw DataError("a date outside PostgreSQL's range, 4714 BC to 5874897");
  const Civil civil = civil_from_days(days);
  append_civil(civil, out);
  if (civil.year <= 0) out.append(" BC");
}

std::int64_t decode_date(std::string_view text) {
  if (text.size() == date_size) {
    if (const auto days = read_date(text.data())) return *days;
  }
  reject_infinity(text);
  Scanner scanner(text);
  if (const auto civil = scan_civil(scanner)) {
    if (const auto days = finish_civil(scanner, *civil)) return *days;
  }
  reject_text("not a date", text);
}

void encode_instant(const Instant& instant, bool utc, Buffer& out) {
  if (instant.days < first_day || instant.days >= end_of_timestamps) {
    throw DataError("a time outside PostgreSQL's range, 4714 BC to 294276");
  }
  const Civil civil = civil_from_days(instant.days);
  append_civil(civil, out);
  out.push_back(' ');
  append_clock(instant.microseconds, out);
  if (utc) out.append("+00");
  if (civil.year <= 0) out.append(" BC");
}

Instant decode_instant(std::string_view text, bool zone) {
  if (const auto instant = read_instant(text, zone)) return *instant;
  reject_infinity(text);
  const char* const what = zone ? "not a timestamp with time zone" : "not a timestamp";
  Scanner scanner(text);
  const auto civil = scan_civil(scanner);
  if (!civil || !scanner.take(" ")) reject_text(what, text);
  auto clock = scan_clock(scanner);
  if (!clock || *clock >= day) reject_text(what, text);
  if (zone) {
    const auto offset = scan_zone(scanner);
    if (!offset) reject_text(what, text);
    *clock -= *offset;
  }
  const auto days = finish_civil(scanner, *civil);
  if (!days) reject_text(what, text);
  const auto carry = static_cast<std::int64_t>(floor_divide(*clock, day));
  return {*days + carry, *clock - carry * day};
}

void encode_time_of_day(TimeOfDay value, Buffer& out) {
  const std::int64_t microseconds = value.since_midnight.count();
  if (microseconds < 0 || microseconds > day) throw DataError("a time of day outside 00:00:00 to 24:00:00");
  append_clock(microseconds, out);
}

TimeOfDay decode_time_of_day(std::string_view text) {
  Scanner scanner(text);
  const auto clock = scan_clock(scanner);
  if (!clock || !scanner.done() || *clock > day) reject_text("not a time of day", text);
  return TimeOfDay{std::chrono::microseconds(*clock)};
}

std::int64_t days_of(const std::chrono::year_month_day& date) {
  if (!date.ok()) {
    throw DataError(fmt::format("there is no day {}-{:02}-{:02}", static_cast<int>(date.year()),
                                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day())));
  }
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::chrono::year_month_day date_of(std::int64_t days) {
  const Civil civil = civil_from_days(days);
  if (civil.year > static_cast<int>(std::chrono::year::max()) ||
      civil.year < static_cast<int>(std::chrono::year::min())) {
    throw DataError(fmt::format("the year {} is outside std::chrono::year", civil.year));
  }
  return std::chrono::year(static_cast<int>(civil.year)) / static_cast<int>(civil.month) /
         static_cast<int>(civil.day);
}

std::int64_t ticks_of(const Instant& instant, std::int64_t num, std::int64_t den, std::int64_t low,
                      std::int64_t high) {
  // |microseconds| < 2^65, den < 2^63: no overflow.
  const Wide microseconds = static_cast<Wide>(instant.days) * day + instant.microseconds;
  return narrow(floor_divide(microseconds * den, static_cast<Wide>(num) * second), low, high);
}

Instant instant_of(std::int64_t count, std::int64_t num, std::int64_t den) {
  const Wide microseconds = wide_microseconds(count, num, den);
  const Wide days = floor_divide(microseconds, day);
  return {narrow(days, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()),
          static_cast<std::int64_t>(microseconds - days * day)};
}

std::int64_t microseconds_of(std::int64_t count, std::int64_t num, std::int64_t den) {
  return narrow(wide_microseconds(count, num, den), std::numeric_limits<std::int64_t>::min(),
                std::numeric_limits<std::int64_t>::max());
}

std::int64_t microseconds_of(double seconds) {
  const double microseconds = std::floor(seconds * static_cast<double>(second) + 0.5);
  // 2^63 is a double; what is below it fits. Written so that NaN fails.
  if (!(microseconds >= -0x1p63 && microseconds < 0x1p63))
    throw DataError("a duration that is out of range or NaN");
  return static_cast<std::int64_t>(microseconds);
}

}  // namespace copg::detail
