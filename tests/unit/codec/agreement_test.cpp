// The library reads numbers and points in time in a fast way where they are written as the server mostly
// does. Whatever the text, that gives what the plain way gives: the same value, or an error.
#include <iterator>

#include "encoded.hpp"
#include "support/plain_decoders.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using namespace std::chrono;
using Micros = sys_time<microseconds>;
using LocalMicros = local_time<microseconds>;

template <class T, class Read>
void expect_agreement(std::string_view text, Read&& plainly) {
  const auto expected = plainly(text);
  const auto read = test::read_by_library<T>(text);
  ASSERT_EQ(read.has_value(), expected.has_value()) << "'" << text << "'";
  if (!read) return;
  ASSERT_EQ(test::comparable(*read), test::comparable(*expected)) << "'" << text << "'";
}

template <class T>
void expect_agreement(std::string_view text) {
  expect_agreement<T>(text, test::read_plainly<T>);
}

/// `read` gets many texts that are nearly such as `seeds`.
template <class Read>
void for_texts_like(const std::vector<std::string>& seeds, Read&& read) {
  test::never_crashes<DataError>(seeds, read, 20261129, 20'000);
}

template <class T>
class AgreementOf : public ::testing::Test {};
using Numbers = ::testing::Types<signed char, unsigned char, short, unsigned short, int, unsigned, long,
                                 unsigned long, long long, unsigned long long, float, double>;
TYPED_TEST_SUITE(AgreementOf, Numbers);

const std::vector<std::string> numbers = {"0",
                                          "-0",
                                          "7",
                                          "-128",
                                          "255",
                                          "32768",
                                          "-2147483648",
                                          "4294967296",
                                          "999999999999999999",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "18446744073709551615",
                                          "000000000000000000000012",
                                          "5.00",
                                          "-12.5",
                                          "0.1",
                                          "1234567.89",
                                          "9007199254740993",
                                          "900719925474099.3",
                                          "16777217",
                                          "16777.217",
                                          "3.3000000000000003",
                                          "0.000000000000001",
                                          "1e+20",
                                          "5e-324",
                                          "NaN",
                                          "Infinity",
                                          "-Infinity",
                                          "+1",
                                          ".5",
                                          "5.",
                                          "1.2.3",
                                          ""};

TYPED_TEST(AgreementOf, numbers_that_the_server_writes) {
  for (const std::string& text : numbers) expect_agreement<TypeParam>(text);
  std::mt19937_64 random(1);
  for (int round = 0; round < 40'000; ++round) {
    std::string text = random() % 3 == 0 ? "-" : "";
    text += std::to_string(random() >> random() % 64);
    if (random() % 2 == 0)
      text.insert(text.begin() + static_cast<std::ptrdiff_t>(random() % (text.size() + 1)), '.');
    if (random() % 8 == 0) text.insert(0, "0." + std::string(random() % 25, '0'));
    if (random() % 8 == 0) text.append(random() % 20, '0');
    expect_agreement<TypeParam>(text);
  }
}

TYPED_TEST(AgreementOf, texts_that_are_nearly_numbers) {
  for_texts_like(numbers, [](std::string_view text) { expect_agreement<TypeParam>(text); });
}

TYPED_TEST(AgreementOf, any_bits_as_this_library_sends_them) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 20'000; ++round) {
    TypeParam value{};
    const std::uint64_t bits = random() >> random() % 64;
    std::memcpy(&value, &bits, sizeof value);
    const std::string text = test::encoded(value);
    expect_agreement<TypeParam>(text);
    const auto read = test::decoded<TypeParam>(text);
    ASSERT_TRUE(read == value || value != value) << text;
  }
}

TEST(AgreementOfTime, days_of_all_years_of_four_digits_and_days_that_do_not_exist) {
  const sys_days end = year(10'000) / 1 / 1;
  for (sys_days day = year(1) / 1 / 1; day < end; day += days(day < sys_days(year(401) / 1 / 1) ? 1 : 19)) {
    ASSERT_EQ(test::decoded<sys_days>(test::encoded(day)), day);
  }
  for (const int y : {0, 1, 4, 1900, 1999, 2000, 2023, 2024, 2100, 9999}) {
    for (int m = 0; m <= 13; ++m) {
      for (int d = 0; d <= 32; ++d) {
        char text[48];
        std::snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
        expect_agreement<sys_days>(text, test::read_date_plainly);
      }
    }
  }
}

TEST(AgreementOfTime, times_of_a_day_and_every_character_in_every_place) {
  for (seconds clock{-1}; clock < hours(25); clock += seconds(7)) {
    char text[40];
    std::snprintf(text, sizeof text, "2024-02-29 %02d:%02d:%02d", static_cast<int>(clock.count() / 3600),
                  static_cast<int>(clock.count() / 60 % 60), static_cast<int>(clock.count() % 60));
    expect_agreement<LocalMicros>(text, test::read_local_plainly);
  }
  for (const std::string seed :
       {"2024-02-29 12:34:56+00", "1999-12-31 23:59:59.123456-12", "0001-01-01 00:00:00.5+14",
        "2024-02-29 12:34:56.25+05:30", "2024-02-29 12:34:56"}) {
    for (std::size_t place = 0; place < seed.size(); ++place) {
      for (int c = 0; c < 256; ++c) {
        std::string text = seed;
        text[place] = static_cast<char>(c);
        expect_agreement<Micros>(text, test::read_zoned_plainly);
        expect_agreement<LocalMicros>(text, test::read_local_plainly);
        expect_agreement<sys_days>(text.substr(0, 10), test::read_date_plainly);
      }
    }
  }
}

TEST(AgreementOfTime, texts_that_are_nearly_points_in_time) {
  const std::vector<std::string> seeds = {"2024-02-29 12:34:56+00",
                                          "1999-12-31 23:59:59.123456-12",
                                          "0001-01-01 00:00:00.5+14",
                                          "2024-02-29 12:34:56.25+05:30",
                                          "1883-11-18 12:03:58-07:52:58",
                                          "0044-03-15 12:00:00+00 BC",
                                          "2024-02-29",
                                          "2023-02-29",
                                          "12024-06-07 08:09:10",
                                          "infinity",
                                          ""};
  for_texts_like(seeds, [](std::string_view text) {
    if (!test::has_common_year(text)) return;
    expect_agreement<Micros>(text, test::read_zoned_plainly);
    expect_agreement<LocalMicros>(text, test::read_local_plainly);
    expect_agreement<sys_days>(text, test::read_date_plainly);
  });
}

template <class D>
void expect_floor(Micros time) {
  ASSERT_EQ(test::decoded<sys_time<D>>(test::encoded(time)), floor<D>(time)) << test::encoded(time);
}

TEST(AgreementOfTime, coarser_types_round_down_as_chrono_does) {
  std::mt19937_64 random(3);
  constexpr auto end = std::uint64_t{60'000'000'000'000'000};  // microseconds: until the year 3871
  for (int round = 0; round < 20'000; ++round) {
    const Micros time{
        microseconds(static_cast<std::int64_t>(random() % (2 * end)) - static_cast<std::int64_t>(end))};
    expect_floor<microseconds>(time);
    expect_floor<milliseconds>(time);
    expect_floor<seconds>(time);
    expect_floor<minutes>(time);
    expect_floor<duration<std::int64_t, std::ratio<7, 3>>>(time);
  }
}

}  // namespace
}  // namespace copg
