// Dates, points in time, times of day, intervals: eras, ends of ranges, round trips.
#include <copg/codec/time.hpp>

#include <cmath>

#include "encoded.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using namespace std::chrono;
using test::contains;
using test::decoded;
using test::encoded;
using test::message_of;

using Micros = sys_time<microseconds>;

TEST(Date, is_written_with_its_era) {
  EXPECT_EQ(encoded(year(2024) / 2 / 29), "2024-02-29");
  EXPECT_EQ(encoded(year(1) / 1 / 1), "0001-01-01");
  EXPECT_EQ(encoded(year(0) / 12 / 31), "0001-12-31 BC");
  EXPECT_EQ(encoded(year(-43) / 3 / 15), "0044-03-15 BC");
  EXPECT_EQ(encoded(year(32767) / 12 / 31), "32767-12-31");
  EXPECT_EQ(encoded(sys_days(year(1970) / 1 / 1)), "1970-01-01");
}

TEST(Date, is_read_with_its_era) {
  EXPECT_EQ(decoded<year_month_day>("2024-02-29"), year(2024) / 2 / 29);
  EXPECT_EQ(decoded<year_month_day>("0044-03-15 BC"), year(-43) / 3 / 15);
  EXPECT_EQ(decoded<year_month_day>("10000-01-01"), year(10000) / 1 / 1);
  EXPECT_EQ(decoded<sys_days>("5874897-12-31").time_since_epoch().count(), 2'145'042'905);
  EXPECT_EQ(decoded<sys_days>("4714-11-24 BC").time_since_epoch().count(), -2'440'588);
}

TEST(Date, beyond_the_years_of_chrono_is_an_error_in_a_calendar_date_alone) {
  EXPECT_THROW(static_cast<void>(decoded<year_month_day>("40000-01-01")), DataError);
  EXPECT_EQ(encoded(decoded<sys_days>("40000-01-01")), "40000-01-01");
}

TEST(Date, one_that_does_not_exist_is_an_error_both_ways) {
  for (const char* text :
       {"2023-02-29", "1900-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-04-31", "0000-01-01",
        "24-01-01", "2024-1-1", "2024-01-01 AD", "2024-01-01 BCE", "2024-01-01x", "", "-"}) {
    EXPECT_THROW(static_cast<void>(decoded<sys_days>(text)), DataError) << text;
  }
  EXPECT_TRUE(
      contains(message_of<DataError>([] { static_cast<void>(encoded(year(2023) / 2 / 29)); }), "2023-02-29"));
  EXPECT_THROW(static_cast<void>(encoded(year_month_day())), DataError);
  EXPECT_THROW(static_cast<void>(encoded(sys_days::max())), DataError);
  EXPECT_THROW(static_cast<void>(encoded(sys_days::min())), DataError);
}

TEST(Date, every_day_of_a_long_time_agrees_with_chrono) {
  for (int n = -1'000'000; n < 3'000'000; n += 97) {
    const sys_days day{days(n)};
    ASSERT_EQ(decoded<sys_days>(encoded(day)), day);
    ASSERT_EQ(decoded<year_month_day>(encoded(day)), year_month_day(day));
  }
}

TEST(Infinity, is_an_error_that_says_what_to_do) {
  for (const char* text : {"infinity", "-infinity"}) {
    EXPECT_TRUE(
        contains(message_of<DataError>([&] { static_cast<void>(decoded<sys_days>(text)); }), "string"));
    EXPECT_THROW(static_cast<void>(decoded<Micros>(text)), DataError);
    EXPECT_THROW(static_cast<void>(decoded<local_time<microseconds>>(text)), DataError);
  }
}

TEST(Timestamp, is_read_with_its_offset) {
  const Micros noon = sys_days(year(2024) / 6 / 1) + 12h;
  EXPECT_EQ(decoded<Micros>("2024-06-01 12:00:00+00"), noon);
  EXPECT_EQ(decoded<Micros>("2024-06-01 14:00:00+02"), noon);
  EXPECT_EQ(decoded<Micros>("2024-06-01 17:30:00+05:30"), noon);
  EXPECT_EQ(decoded<Micros>("2024-06-01 11:19:32-00:40:28"), noon);
  EXPECT_EQ(decoded<Micros>("2024-05-31 23:00:00-13"), noon);
  EXPECT_EQ(decoded<Micros>("2024-06-01 12:00:00.000001+00"), noon + 1us);
  EXPECT_EQ(decoded<Micros>("2024-06-01 12:00:00.1+00"), noon + 100ms);
  EXPECT_EQ(decoded<Micros>("0001-12-31 23:59:59+00 BC"), sys_days(year(0) / 12 / 31) + 86399s);
}

TEST(Timestamp, needs_an_offset_or_must_have_none) {
  EXPECT_THROW(static_cast<void>(decoded<Micros>("2024-06-01 12:00:00")), DataError);
  EXPECT_THROW(static_cast<void>(decoded<local_time<microseconds>>("2024-06-01 12:00:00+00")), DataError);
  EXPECT_EQ(decoded<local_time<seconds>>("2024-06-01 12:00:00"), local_days(year(2024) / 6 / 1) + 12h);
}

TEST(Timestamp, finer_digits_are_cut_off_towards_the_past) {
  const sys_time<nanoseconds> before(-1ns);
  EXPECT_EQ(encoded(before), "1969-12-31 23:59:59.999999+00");
  EXPECT_EQ(decoded<sys_seconds>("1969-12-31 23:59:59.5+00"), sys_seconds(-1s));
  EXPECT_EQ(decoded<sys_time<hours>>("1970-01-01 01:59:59+00"), sys_time<hours>(1h));
}

TEST(Timestamp, what_does_not_fit_is_an_error) {
  EXPECT_THROW(static_cast<void>(decoded<sys_time<nanoseconds>>("3000-01-01 00:00:00+00")), DataError);
  EXPECT_EQ(encoded(decoded<sys_time<nanoseconds>>("2262-04-11 23:47:16.854775+00")),
            "2262-04-11 23:47:16.854775+00");
  EXPECT_THROW(static_cast<void>(decoded<sys_time<nanoseconds>>("2262-04-11 23:47:16.854776+00")), DataError);
  // The server's last microsecond is beyond 63 bits of them.
  EXPECT_THROW(static_cast<void>(decoded<Micros>("294276-12-31 23:59:59.999999+00")), DataError);
  EXPECT_EQ(encoded(decoded<sys_time<milliseconds>>("294276-12-31 23:59:59.999+00")),
            "294276-12-31 23:59:59.999000+00");
  EXPECT_THROW(static_cast<void>(encoded(sys_time<hours>::max())), DataError);
  EXPECT_THROW(static_cast<void>(encoded(sys_time<hours>::min())), DataError);
  EXPECT_THROW(static_cast<void>(encoded(sys_seconds::max())), DataError);
  EXPECT_THROW(static_cast<void>(encoded(Micros::min())), DataError);
}

TEST(Timestamp, any_microsecond_survives_the_round_trip) {
  std::mt19937_64 random(5);
  std::uniform_int_distribution<std::int64_t> any(-210'866'803'200'000'000, 9'223'372'036'854'775'807);
  for (int i = 0; i < 20'000; ++i) {
    const Micros time{microseconds(any(random))};
    ASSERT_EQ(decoded<Micros>(encoded(time)), time) << encoded(time);
    const local_time<microseconds> local{time.time_since_epoch()};
    ASSERT_EQ(decoded<local_time<microseconds>>(encoded(local)), local);
  }
}

TEST(Timestamp, malformed_ones_are_errors) {
  for (const char* text :
       {"2024-06-01", "2024-06-01 24:00:00+00", "2024-06-01 12:60:00+00", "2024-06-01 12:00:60+00",
        "2024-06-01T12:00:00+00", "2024-06-01 12:00+00", "2024-06-01 12:00:00.+00",
        "2024-06-01 12:00:00.1234567+00", "2024-06-01 12:00:00+0", "2024-06-01 12:00:00+00:99",
        "2024-06-01 12:00:00 UTC", "Sat Jun 01 12:00:00 2024 UTC"}) {
    EXPECT_THROW(static_cast<void>(decoded<Micros>(text)), DataError) << text;
  }
}

TEST(TimeOfDay, goes_up_to_the_end_of_the_day) {
  EXPECT_EQ(decoded<TimeOfDay>("24:00:00").since_midnight, 24h);
  EXPECT_EQ(encoded(TimeOfDay{24h}), "24:00:00");
  EXPECT_EQ(encoded(TimeOfDay{1h + 2min + 3s + 45us}), "01:02:03.000045");
  EXPECT_EQ(decoded<TimeOfDay>("23:59:59.999999").since_midnight, 24h - 1us);
  EXPECT_EQ((TimeOfDay{13h + 5min}).fields().minutes(), 5min);
  EXPECT_THROW(static_cast<void>(encoded(TimeOfDay{24h + 1us})), DataError);
  EXPECT_THROW(static_cast<void>(encoded(TimeOfDay{-1us})), DataError);
  for (const char* text : {"24:00:00.000001", "25:00:00", "1:00:00", "01:00", "01:00:00+00", ""}) {
    EXPECT_THROW(static_cast<void>(decoded<TimeOfDay>(text)), DataError) << text;
  }
}

TEST(Interval, is_written_in_a_way_that_every_style_reads_alike) {
  EXPECT_EQ(encoded(3s), "00:00:03.000000");
  EXPECT_EQ(encoded(-(1h + 500ms)), "-01:00:00.500000");
  EXPECT_EQ(encoded(duration<double>(0.25)), "00:00:00.250000");
  EXPECT_EQ(encoded(-1ns), "-00:00:00.000001");
}

TEST(Interval, is_read_in_both_styles) {
  const auto interval = [](const char* text) { return decoded<microseconds>(text); };
  EXPECT_EQ(interval("00:00:00"), 0us);
  EXPECT_EQ(interval("1 day"), 24h);
  EXPECT_EQ(interval("3 days -02:03:04.5"), 72h - 2h - 3min - 4500ms);
  EXPECT_EQ(interval("-1 days +00:00:01"), -24h + 1s);
  EXPECT_EQ(interval("-00:00:00.000001"), -1us);
  EXPECT_EQ(interval("100:00:00"), 100h);
  EXPECT_EQ(interval("PT0S"), 0us);
  EXPECT_EQ(interval("P1DT2H3M4.5S"), 26h + 3min + 4500ms);
  EXPECT_EQ(interval("P-1DT-2H-3M-0.5S"), -(26h + 3min + 500ms));
  EXPECT_EQ(decoded<duration<double>>("00:00:01.5").count(), 1.5);
  EXPECT_EQ(decoded<hours>("01:59:59"), 1h);
  EXPECT_EQ(decoded<hours>("-00:00:01"), -1h);
}

TEST(Interval, months_are_an_error_of_their_own) {
  for (const char* text : {"1 mon", "1 year 2 mons 3 days", "-1 years", "P1Y", "P1MT1S"}) {
    EXPECT_TRUE(contains(message_of<DataError>([&] { static_cast<void>(decoded<seconds>(text)); }), "month"))
        << text;
  }
}

TEST(Interval, malformed_ones_are_errors) {
  for (const char* text :
       {"", "P", "PT", "1", "1 da", "1 day ", "1 day  00:00:00", "00:00", "00:60:00", "@ 1 day", "1 2:03:04",
        "00:00:00 1 day", "P1S", "PT1D", "P1.5D", "PT1H2", "999999999999 days"}) {
    EXPECT_THROW(static_cast<void>(decoded<microseconds>(text)), DataError) << text;
  }
}

TEST(Interval, what_does_not_fit_is_an_error) {
  EXPECT_THROW(static_cast<void>(decoded<nanoseconds>("200000 days")), DataError);
  EXPECT_THROW(static_cast<void>(encoded(hours::max())), DataError);
  EXPECT_THROW(static_cast<void>(encoded(duration<double>(NAN))), DataError);
  EXPECT_THROW(static_cast<void>(encoded(duration<double>(INFINITY))), DataError);
  EXPECT_THROW(static_cast<void>(encoded(duration<double>(1e300))), DataError);
}

TEST(Interval, any_microsecond_survives_the_round_trip) {
  std::mt19937_64 random(6);
  for (int i = 0; i < 20'000; ++i) {
    const microseconds value(static_cast<std::int64_t>(random()) >> (random() % 63));
    ASSERT_EQ(decoded<microseconds>(encoded(value)), value);
  }
  for (const microseconds edge : {microseconds::min(), microseconds::max()}) {
    EXPECT_EQ(decoded<microseconds>(encoded(edge)), edge);
  }
}

TEST(Time, a_reader_never_crashes) {
  const std::vector<std::string> seeds = {"2024-06-01 12:00:00.123456+05:30",
                                          "0044-03-15 BC",
                                          "294276-12-31 23:59:59.999999",
                                          "24:00:00",
                                          "-1 days +02:03:04.5",
                                          "P-1DT-2H3M4.5S",
                                          "1 year 2 mons",
                                          "infinity"};
  test::never_crashes<DataError>(seeds,
                                 [](std::string_view text) { static_cast<void>(decoded<Micros>(text)); });
  test::never_crashes<DataError>(
      seeds, [](std::string_view text) { static_cast<void>(decoded<local_time<nanoseconds>>(text)); });
  test::never_crashes<DataError>(
      seeds, [](std::string_view text) { static_cast<void>(decoded<year_month_day>(text)); });
  test::never_crashes<DataError>(seeds,
                                 [](std::string_view text) { static_cast<void>(decoded<TimeOfDay>(text)); });
  test::never_crashes<DataError>(
      seeds, [](std::string_view text) { static_cast<void>(decoded<nanoseconds>(text)); });
}

}  // namespace
}  // namespace copg
