// Dates and times. Python's range is the years 1 to 9999 and hours up to 23:59:59.999999; PostgreSQL's is
// wider, and what lies outside is a DataError.
#include <nanobind/nanobind.h>

#include <copg/error.hpp>

#include <datetime.h>
#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <optional>

#include "python/native/decode.hpp"
#include "python/native/imported.hpp"
#include "python/native/oids.hpp"

namespace nb = nanobind;

namespace copg::python {
namespace {

constexpr int microseconds_per_second = 1'000'000;

/// Takes a text apart from left to right.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  /// At least one digit.
  std::optional<std::int64_t> number() {
    constexpr std::size_t most = 12;
    std::int64_t value = 0;
    std::size_t count = 0;
    for (; count < rest_.size() && count < most && rest_[count] >= '0' && rest_[count] <= '9'; ++count)
      value = value * 10 + (rest_[count] - '0');
    rest_.remove_prefix(count);
    return count > 0 ? std::optional(value) : std::nullopt;
  }
  /// ".5" as 500000; 0 without a point.
  int microseconds() {
    if (!take('.')) return 0;
    int value = 0;
    int scale = microseconds_per_second / 10;
    for (; !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
         rest_.remove_prefix(1), scale /= 10)
      value += (rest_.front() - '0') * scale;
    return value;
  }
  /// The server's usual form, with a fixed number of digits: `count` digits, a mark, two digits, the mark,
  /// two digits. False, and nothing is taken, if that is not what comes next.
  template <int count>
  bool take_triple(char mark, int& first, int& second, int& third) {
    constexpr std::size_t size = count + 6;
    if (rest_.size() < size || rest_[count] != mark || rest_[count + 3] != mark) return false;
    if (rest_.size() > size && is_digit(rest_[size])) return false;
    if (!digits<count>(0, first) || !digits<2>(count + 1, second) || !digits<2>(count + 4, third))
      return false;
    rest_.remove_prefix(size);
    return true;
  }
  [[nodiscard]] bool done() const noexcept { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  static bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
  template <int count>
  [[nodiscard]] bool digits(std::size_t at, int& value) const {
    value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (!is_digit(rest_[i])) return false;
      value = value * 10 + (rest_[i] - '0');
    }
    return true;
  }

  std::string_view rest_;
};

struct Date {
  int year = 0, month = 0, day = 0;
};
struct Time {
  int hour = 0, minute = 0, second = 0, microsecond = 0;
};

std::optional<int> small_number(Reader& reader) {
  const auto number = reader.number();
  return number && *number <= 9'999'999 ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

std::optional<Date> read_date(Reader& reader) {
  Date date;
  if (reader.take_triple<4>('-', date.year, date.month, date.day)) return date;
  const auto year = small_number(reader);
  if (!year || !reader.take('-')) return std::nullopt;
  const auto month = small_number(reader);
  if (!month || !reader.take('-')) return std::nullopt;
  const auto day = small_number(reader);
  if (!day) return std::nullopt;
  return Date{*year, *month, *day};
}

std::optional<Time> read_time(Reader& reader) {
  Time time;
  if (reader.take_triple<2>(':', time.hour, time.minute, time.second)) {
    time.microsecond = reader.microseconds();
    return time;
  }
  const auto hour = small_number(reader);
  if (!hour || !reader.take(':')) return std::nullopt;
  const auto minute = small_number(reader);
  if (!minute || !reader.take(':')) return std::nullopt;
  const auto second = small_number(reader);
  if (!second) return std::nullopt;
  return Time{*hour, *minute, *second, reader.microseconds()};
}

/// "+02", "-03:30", "+00:19:32" as a timezone. An empty object with an exception set, or none set if it is
/// not one.
nb::object read_offset(Reader& reader) {
  if (reader.rest() == "+00") {
    reader.take(reader.rest());
    return nb::borrow(PyDateTime_TimeZone_UTC);
  }
  const bool negative = reader.take('-');
  if (!negative && !reader.take('+')) return {};
  int seconds = 0;
  for (const int unit : {3600, 60, 1}) {
    if (unit < 3600 && !reader.take(':')) break;
    const auto part = small_number(reader);
    if (!part) return {};
    seconds += *part * unit;
  }
  if (seconds == 0) return nb::borrow(PyDateTime_TimeZone_UTC);
  const nb::object offset = nb::steal(PyDelta_FromDSU(0, negative ? -seconds : seconds, 0));
  return offset.is_valid() ? nb::steal(PyTimeZone_FromOffset(offset.ptr())) : nb::object();
}

/// Why a date is none that Python has.
PyObject* reject_date(std::string_view text, const std::optional<Date>& date, const Reader& rest) {
  if (text == "infinity" || (date && date->year > 9999 && rest.rest() != " BC"))
    return set_data_error("date too large for Python (after year 9999)", text);
  if (text == "-infinity" || rest.rest().ends_with("BC"))
    return set_data_error("date too small for Python (before year 1)", text);
  return set_data_error("not a date in the ISO style (is DateStyle set?)", text);
}

bool fits(const std::optional<Date>& date) { return date && date->year >= 1 && date->year <= 9999; }

PyObject* decode_point_in_time(std::string_view text, bool zoned) {
  Reader reader(text);
  const auto date = read_date(reader);
  const auto time = date && reader.take(' ') ? read_time(reader) : std::nullopt;
  nb::object zone = nb::none();
  if (time && zoned) {
    zone = read_offset(reader);
    if (!zone.is_valid() && PyErr_Occurred() != nullptr) return nullptr;
  }
  if (!time || !zone.is_valid() || !fits(date) || !reader.done()) return reject_date(text, date, reader);
  return PyDateTimeAPI->DateTime_FromDateAndTime(date->year, date->month, date->day, time->hour, time->minute,
                                                 time->second, time->microsecond, zone.ptr(),
                                                 PyDateTimeAPI->DateTimeType);
}

PyObject* decode_time_of_day(std::string_view text, bool zoned) {
  Reader reader(text);
  const auto time = read_time(reader);
  nb::object zone = nb::none();
  if (time && zoned) {
    zone = read_offset(reader);
    if (!zone.is_valid() && PyErr_Occurred() != nullptr) return nullptr;
  }
  if (!time || !zone.is_valid() || !reader.done()) return set_data_error("not a time of day", text);
  if (time->hour > 23) return set_data_error("Python has no hour 24", text);
  return PyDateTimeAPI->Time_FromTime(time->hour, time->minute, time->second, time->microsecond, zone.ptr(),
                                      PyDateTimeAPI->TimeType);
}

/// Appends the offset of an aware datetime or time. False: it is naive.
bool write_offset(PyObject* value, std::string& out) {
  const nb::object offset = nb::steal(PyObject_CallMethod(value, "utcoffset", nullptr));
  if (!offset.is_valid()) throw nb::python_error();
  if (offset.is_none()) return false;
  if (!PyDelta_Check(offset.ptr()))  // a subclass may give anything
    throw DataError(fmt::format("a UTC offset must be a timedelta, not {}", Py_TYPE(offset.ptr())->tp_name));
  if (PyDateTime_DELTA_GET_MICROSECONDS(offset.ptr()) != 0)
    throw DataError("a UTC offset with fractions of a second can't be sent: PostgreSQL has none");
  const int total =
      PyDateTime_DELTA_GET_DAYS(offset.ptr()) * 86400 + PyDateTime_DELTA_GET_SECONDS(offset.ptr());
  const int seconds = total < 0 ? -total : total;
  fmt::format_to(std::back_inserter(out), "{}{:02}:{:02}:{:02}", total < 0 ? '-' : '+', seconds / 3600,
                 seconds / 60 % 60, seconds % 60);
  return true;
}

void write_date(PyObject* value, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}", PyDateTime_GET_YEAR(value),
                 PyDateTime_GET_MONTH(value), PyDateTime_GET_DAY(value));
}

void write_time(int hour, int minute, int second, int microsecond, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:02}:{:02}:{:02}", hour, minute, second);
  if (microsecond != 0) fmt::format_to(std::back_inserter(out), ".{:06}", microsecond);
}

}  // namespace

void load_datetime() {
  PyDateTime_IMPORT;
  if (PyDateTimeAPI == nullptr) throw nb::python_error();
}

PyObject* decode_date(std::string_view text, Oid /*type*/) {
  Reader reader(text);
  const auto date = read_date(reader);
  if (!fits(date) || !reader.done()) return reject_date(text, date, reader);
  return PyDateTimeAPI->Date_FromDate(date->year, date->month, date->day, PyDateTimeAPI->DateType);
}

PyObject* decode_time(std::string_view text, Oid /*type*/) { return decode_time_of_day(text, false); }
PyObject* decode_timetz(std::string_view text, Oid /*type*/) { return decode_time_of_day(text, true); }
PyObject* decode_timestamp(std::string_view text, Oid /*type*/) { return decode_point_in_time(text, false); }
PyObject* decode_timestamptz(std::string_view text, Oid /*type*/) { return decode_point_in_time(text, true); }

namespace {

struct IntervalParts {
  std::int64_t months = 0, days = 0, seconds = 0;
  int microseconds = 0;
};

/// "1 year 2 mons -3 days +04:05:06.789", the server's IntervalStyle postgres. False with an exception set.
bool read_interval(std::string_view text, IntervalParts& parts) {
  Reader reader(text);
  do {
    const bool negative = reader.take('-');
    if (!negative) reader.take('+');
    const auto count = reader.number();
    if (!count) {
      set_data_error("not an interval in the style postgres (is IntervalStyle set?)", text);
      return false;
    }
    if (reader.take(':')) {
      const auto minute = reader.number();
      const bool colon = reader.take(':');
      const auto second = reader.number();
      if (!minute || !colon || !second) {
        set_data_error("not an interval", text);
        return false;
      }
      parts.seconds = *count * 3600 + *minute * 60 + *second;
      parts.microseconds = reader.microseconds();
      if (negative) {
        parts.seconds = -parts.seconds;
        parts.microseconds = -parts.microseconds;
      }
      break;
    }
    const std::int64_t number = negative ? -*count : *count;
    if (reader.take(" years") || reader.take(" year")) {
      parts.months += number * 12;
    } else if (reader.take(" mons") || reader.take(" mon")) {
      parts.months += number;
    } else if (reader.take(" days") || reader.take(" day")) {
      parts.days += number;
    } else {
      set_data_error("not an interval in the style postgres (is IntervalStyle set?)", text);
      return false;
    }
  } while (reader.take(' '));
  if (reader.done()) return true;
  set_data_error("not an interval", text);
  return false;
}

}  // namespace

PyObject* decode_interval(std::string_view text, Oid /*type*/) {
  IntervalParts parts;
  if (!read_interval(text, parts)) return nullptr;
  constexpr std::int64_t most_days = 999'999'999;  // datetime.timedelta.max
  // A year has 365 days and a month 30, as psycopg has it: timedelta knows neither.
  const std::int64_t days =
      parts.months / 12 * 365 + parts.months % 12 * 30 + parts.days + parts.seconds / 86400;
  if (days > most_days || days < -most_days) return set_data_error("interval too large for Python", text);
  return PyDelta_FromDSU(static_cast<int>(days), static_cast<int>(parts.seconds % 86400), parts.microseconds);
}

PyObject* decode_interval_parts(std::string_view text, Oid /*type*/) {
  IntervalParts parts;
  if (!read_interval(text, parts)) return nullptr;
  return PyObject_CallFunction(imported().interval, "LLL", static_cast<long long>(parts.months),
                               static_cast<long long>(parts.days),
                               static_cast<long long>(parts.seconds * 1'000'000 + parts.microseconds));
}

PyObject* decode_infinite_as_max(std::string_view text, Oid type) {
  const bool negative = text == "-infinity";
  if (!negative && text != "infinity") return decoder_for(type)(text, type);
  const int year = negative ? 1 : 9999;
  const int month = negative ? 1 : 12;
  const int day = negative ? 1 : 31;
  if (type == oid::date) return PyDateTimeAPI->Date_FromDate(year, month, day, PyDateTimeAPI->DateType);
  PyObject* const zone = type == oid::timestamptz ? PyDateTime_TimeZone_UTC : Py_None;
  return PyDateTimeAPI->DateTime_FromDateAndTime(year, month, day, negative ? 0 : 23, negative ? 0 : 59,
                                                 negative ? 0 : 59, negative ? 0 : 999'999, zone,
                                                 PyDateTimeAPI->DateTimeType);
}

PyObject* decode_infinite_as_text(std::string_view text, Oid type) {
  if (text != "infinity" && text != "-infinity") return decoder_for(type)(text, type);
  return PyUnicode_FromStringAndSize(text.data(), static_cast<Py_ssize_t>(text.size()));
}

bool is_infinite_as_max(PyObject* value, bool& negative) {
  if (!PyDate_Check(value)) return false;
  const auto at = [&](int year, int month, int day) {
    return PyDateTime_GET_YEAR(value) == year && PyDateTime_GET_MONTH(value) == month &&
           PyDateTime_GET_DAY(value) == day;
  };
  negative = at(1, 1, 1);
  if (!negative && !at(9999, 12, 31)) return false;
  if (!PyDateTime_Check(value)) return true;
  const auto of_day = [&](int hour, int sixtieth, int microsecond) {
    return PyDateTime_DATE_GET_HOUR(value) == hour && PyDateTime_DATE_GET_MINUTE(value) == sixtieth &&
           PyDateTime_DATE_GET_SECOND(value) == sixtieth &&
           PyDateTime_DATE_GET_MICROSECOND(value) == microsecond;
  };
  return negative ? of_day(0, 0, 0) : of_day(23, 59, 999'999);
}

namespace {

/// Of a date or datetime, in the proleptic Gregorian calendar.
std::int64_t days_from_2000(PyObject* value) noexcept {
  // Years that begin with March, in eras of 400 years: the algorithm days_from_civil of Howard Hinnant.
  const int month = PyDateTime_GET_MONTH(value);
  const int year = PyDateTime_GET_YEAR(value) - (month <= 2 ? 1 : 0);
  const int era = year / 400;
  const int year_of_era = year - era * 400;
  const int day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + PyDateTime_GET_DAY(value) - 1;
  const int day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return std::int64_t{era} * 146097 + day_of_era - 730425;
}

}  // namespace

bool days_since_2000(PyObject* value, std::int32_t& days) noexcept {
  if (!PyDate_CheckExact(value)) return false;
  days = static_cast<std::int32_t>(days_from_2000(value));
  return true;
}

bool since_2000(PyObject* value, bool has_zone, std::int64_t& microseconds) {
  if (!PyDateTime_CheckExact(value)) return false;
  const bool is_aware = reinterpret_cast<PyDateTime_DateTime*>(value)->hastzinfo != 0;
  if (is_aware != has_zone) return false;
  std::int64_t seconds = days_from_2000(value) * 86400 + PyDateTime_DATE_GET_HOUR(value) * 3600 +
                         PyDateTime_DATE_GET_MINUTE(value) * 60 + PyDateTime_DATE_GET_SECOND(value);
  if (is_aware && reinterpret_cast<PyDateTime_DateTime*>(value)->tzinfo != PyDateTime_TimeZone_UTC) {
    const nb::object offset = nb::steal(PyObject_CallMethod(value, "utcoffset", nullptr));
    if (!offset.is_valid()) throw nb::python_error();
    if (!PyDelta_CheckExact(offset.ptr()) || PyDateTime_DELTA_GET_MICROSECONDS(offset.ptr()) != 0)
      return false;
    seconds -= std::int64_t{PyDateTime_DELTA_GET_DAYS(offset.ptr())} * 86400 +
               PyDateTime_DELTA_GET_SECONDS(offset.ptr());
  }
  microseconds = seconds * 1'000'000 + PyDateTime_DATE_GET_MICROSECOND(value);
  return true;
}

Oid write_datetime(PyObject* value, std::string& out) {
  if (PyDateTime_Check(value)) {  // which is a date, too
    write_date(value, out);
    out += ' ';
    write_time(PyDateTime_DATE_GET_HOUR(value), PyDateTime_DATE_GET_MINUTE(value),
               PyDateTime_DATE_GET_SECOND(value), PyDateTime_DATE_GET_MICROSECOND(value), out);
    return write_offset(value, out) ? oid::timestamptz : oid::timestamp;
  }
  if (PyDate_Check(value)) {
    write_date(value, out);
    return oid::date;
  }
  if (PyTime_Check(value)) {
    write_time(PyDateTime_TIME_GET_HOUR(value), PyDateTime_TIME_GET_MINUTE(value),
               PyDateTime_TIME_GET_SECOND(value), PyDateTime_TIME_GET_MICROSECOND(value), out);
    if (write_offset(value, out)) return oid::timetz;
    const nb::object zone = nb::steal(PyObject_GetAttrString(value, "tzinfo"));
    if (zone.is_valid() && !zone.is_none())
      throw DataError("a time whose tzinfo has no offset without a date can't be sent");
    return oid::time;
  }
  if (PyDelta_Check(value)) {
    // Each part with its sign: under IntervalStyle sql_standard a leading one would count for all.
    fmt::format_to(std::back_inserter(out), "{:+} days +{}.{:06} seconds", PyDateTime_DELTA_GET_DAYS(value),
                   PyDateTime_DELTA_GET_SECONDS(value), PyDateTime_DELTA_GET_MICROSECONDS(value));
    return oid::interval;
  }
  return oid::inferred;
}

}  // namespace copg::python
