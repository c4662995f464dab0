// Intervals, as the server writes them with IntervalStyle postgres or iso_8601, and as it reads them with
// any.
#include <copg/codec/time.hpp>

#include <fmt/format.h>

#include "codec/scanner.hpp"
#include "codec/time_units.hpp"

namespace copg::detail {
namespace {

/// Adds up the parts of an interval; an overflow sticks.
class Sum {
 public:
  void add(bool negative, std::int64_t count, std::int64_t unit) {
    std::int64_t part = 0;
    overflow_ |= __builtin_mul_overflow(negative ? -count : count, unit, &part);
    overflow_ |= __builtin_add_overflow(value_, part, &value_);
  }
  [[nodiscard]] std::int64_t value() const {
    if (overflow_) throw DataError("out of range");
    return value_;
  }

 private:
  std::int64_t value_ = 0;
  bool overflow_ = false;
};

[[noreturn]] void reject_months(std::string_view text) {
  throw DataError(fmt::format("'{}' has months or years, which have no fixed length", text));
}

bool scan_sign(Scanner& scanner) {
  const bool negative = scanner.take("-");
  if (!negative) scanner.take("+");
  return negative;
}

/// "1 day -02:03:04.5", "3 days", "-00:00:01"
bool scan_postgres(std::string_view text, Sum& sum) {
  Scanner scanner(text);
  do {
    const bool negative = scan_sign(scanner);
    const auto count = scanner.digits(1, 12);
    if (!count) return false;
    if (scanner.take(":")) {
      const auto minutes = scanner.digits(2, 2);
      if (!minutes || *minutes > 59 || !scanner.take(":")) return false;
      const auto seconds = scanner.digits(2, 2);
      const auto fraction = scanner.millionths();
      if (!seconds || *seconds > 59 || !fraction || !scanner.done()) return false;
      sum.add(negative, *count, hour);
      sum.add(negative, *minutes, minute);
      sum.add(negative, *seconds, second);
      sum.add(negative, *fraction, 1);
      return true;
    }
    if (!scanner.take(" ")) return false;
    const std::string_view unit = scanner.word();
    if (unit == "day" || unit == "days") {
      sum.add(negative, *count, day);
    } else if (unit == "year" || unit == "years" || unit == "mon" || unit == "mons") {
      if (*count != 0) reject_months(text);
    } else {
      return false;
    }
  } while (scanner.take(" "));
  return scanner.done();
}

/// "P1DT-2H3M4.5S"
bool scan_iso(std::string_view text, Sum& sum) {
  Scanner scanner(text);
  if (!scanner.take("P")) return false;
  bool time = false;
  bool any = false;
  while (!scanner.done()) {
    if (!time && scanner.take("T")) {
      time = true;
      continue;
    }
    const bool negative = scan_sign(scanner);
    const auto count = scanner.digits(1, 12);
    const bool fractional = scanner.peek() == '.';
    const auto fraction = scanner.millionths();
    if (!count || !fraction || (fractional && scanner.peek() != 'S')) return false;
    any = true;
    if (!time && (scanner.take("Y") || scanner.take("M"))) {
      if (*count != 0) reject_months(text);
    } else if (!time && scanner.take("D")) {
      sum.add(negative, *count, day);
    } else if (time && scanner.take("H")) {
      sum.add(negative, *count, hour);
    } else if (time && scanner.take("M")) {
      sum.add(negative, *count, minute);
    } else if (time && scanner.take("S")) {
      sum.add(negative, *count, second);
      sum.add(negative, *fraction, 1);
    } else {
      return false;
    }
  }
  return any;
}

}  // namespace

void encode_interval(std::int64_t microseconds, Buffer& out) {
  // A single hh:mm:ss means the same under every IntervalStyle. The magnitude of the least number needs the
  // unsigned.
  const bool negative = microseconds < 0;
  const auto bits = static_cast<std::uint64_t>(microseconds);
  const std::uint64_t magnitude = negative ? 0 - bits : bits;
  constexpr auto units = static_cast<std::uint64_t>(second);
  char text[48];
  const auto result = fmt::format_to_n(text, sizeof text, "{}{:02}:{:02}:{:02}.{:06}", negative ? "-" : "",
                                       magnitude / (3'600 * units), magnitude / (60 * units) % 60,
                                       magnitude / units % 60, magnitude % units);
  out.append({text, result.size});
}

std::int64_t decode_interval(std::string_view text) {
  Sum sum;
  if (text.starts_with('P') ? !scan_iso(text, sum) : !scan_postgres(text, sum)) {
    reject_text("not an interval in the style postgres or iso_8601", text);
  }
  return sum.value();
}

}  // namespace copg::detail
