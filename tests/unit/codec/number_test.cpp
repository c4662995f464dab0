// bool, integers, floating point: limits, ranges, round trips.
#include <copg/codec/number.hpp>

#include <bit>
#include <cmath>
#include <limits>

#include "encoded.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using test::contains;
using test::decoded;
using test::encoded;
using test::message_of;

template <class T>
class Integers : public ::testing::Test {};
using IntegerTypes = ::testing::Types<signed char, unsigned char, short, unsigned short, int, unsigned, long,
                                      unsigned long, long long, unsigned long long>;
TYPED_TEST_SUITE(Integers, IntegerTypes);

TYPED_TEST(Integers, limits_survive_the_round_trip) {
  using Limits = std::numeric_limits<TypeParam>;
  for (const TypeParam value : {Limits::min(), Limits::max(), TypeParam{0}, TypeParam{1}}) {
    EXPECT_EQ(decoded<TypeParam>(encoded(value)), value);
  }
}

TYPED_TEST(Integers, any_value_survives_the_round_trip) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 1000; ++i) {
    const auto value = static_cast<TypeParam>(random() >> (random() % 64));
    EXPECT_EQ(decoded<TypeParam>(encoded(value)), value);
  }
}

TYPED_TEST(Integers, what_does_not_fit_is_an_error_and_never_another_number) {
  for (const char* text : {"18446744073709551616", "-9223372036854775809", "99999999999999999999999", "1e3",
                           "1.5", "", "-", "+1", " 1", "1 ", "0x1", "NaN", "."}) {
    EXPECT_THROW(static_cast<void>(decoded<TypeParam>(text)), DataError) << text;
  }
}

TEST(Integer, one_beyond_each_limit_is_out_of_range) {
  EXPECT_TRUE(contains(message_of<DataError>([] { static_cast<void>(decoded<std::int16_t>("32768")); }),
                       "out of range"));
  EXPECT_TRUE(contains(message_of<DataError>([] { static_cast<void>(decoded<std::int32_t>("-2147483649")); }),
                       "out of range"));
  EXPECT_TRUE(
      contains(message_of<DataError>([] { static_cast<void>(decoded<unsigned>("-1")); }), "out of range"));
  EXPECT_TRUE(contains(message_of<DataError>([] { static_cast<void>(decoded<int>("1.5")); }), "whole"));
}

TEST(Integer, a_numeric_without_a_fraction_is_an_integer) {
  EXPECT_EQ(decoded<int>("5.00"), 5);
  EXPECT_EQ(decoded<int>("-5.0"), -5);
  EXPECT_THROW(static_cast<void>(decoded<int>("5.01")), DataError);
}

TEST(Integer, travels_as_the_smallest_type_that_holds_it) {
  EXPECT_EQ(detail::oid_of(std::int8_t{1}), oid::int2);
  EXPECT_EQ(detail::oid_of(std::uint8_t{1}), oid::int2);
  EXPECT_EQ(detail::oid_of(std::int16_t{1}), oid::int2);
  EXPECT_EQ(detail::oid_of(std::uint16_t{1}), oid::int4);
  EXPECT_EQ(detail::oid_of(1), oid::int4);
  EXPECT_EQ(detail::oid_of(1U), oid::int8);
  EXPECT_EQ(detail::oid_of(1L), oid::int8);
  EXPECT_EQ(detail::oid_of(1LL), oid::int8);
}

TEST(Integer, an_unsigned_64_bit_number_is_numeric_only_where_int8_ends) {
  constexpr std::uint64_t last = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(detail::oid_of(last), oid::int8);
  EXPECT_EQ(detail::oid_of(last + 1), oid::numeric);
  EXPECT_EQ(encoded(last + 1), "9223372036854775808");
}

TEST(Bool, is_t_or_f_and_nothing_else) {
  EXPECT_EQ(encoded(true), "t");
  EXPECT_TRUE(decoded<bool>("t"));
  EXPECT_FALSE(decoded<bool>("f"));
  for (const char* text : {"", "true", "1", "T"})
    EXPECT_THROW(static_cast<void>(decoded<bool>(text)), DataError);
}

TEST(Double, every_bit_pattern_survives_the_round_trip) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<double>(random());
    const auto again = decoded<double>(encoded(value));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(again));
    } else {
      EXPECT_EQ(std::bit_cast<std::uint64_t>(again), std::bit_cast<std::uint64_t>(value)) << value;
    }
  }
}

TEST(Float, every_bit_pattern_survives_the_round_trip) {
  std::mt19937 random(3);
  for (int i = 0; i < 20'000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    const auto again = decoded<float>(encoded(value));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(again));
    } else {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(again), std::bit_cast<std::uint32_t>(value)) << value;
    }
  }
}

TEST(Double, knows_the_servers_words_for_what_is_no_number) {
  EXPECT_TRUE(std::isnan(decoded<double>("NaN")));
  EXPECT_EQ(decoded<double>("Infinity"), std::numeric_limits<double>::infinity());
  EXPECT_EQ(decoded<double>("-Infinity"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(encoded(std::numeric_limits<double>::quiet_NaN()), "NaN");
  EXPECT_EQ(encoded(-std::numeric_limits<double>::infinity()), "-Infinity");
  EXPECT_TRUE(std::signbit(decoded<double>(encoded(-0.0))));
}

TEST(Double, is_written_as_short_as_can_be) {
  EXPECT_EQ(encoded(0.1), "0.1");
  EXPECT_EQ(encoded(0.1F), "0.1");
  EXPECT_EQ(encoded(1.0), "1");
}

TEST(Float, a_double_that_does_not_fit_is_an_error) {
  EXPECT_THROW(static_cast<void>(decoded<float>("1e300")), DataError);
  EXPECT_THROW(static_cast<void>(decoded<double>("1e999")), DataError);
  for (const char* text : {"", "x", "1.5x", " 1", "1,5"}) {
    EXPECT_THROW(static_cast<void>(decoded<double>(text)), DataError) << text;
  }
}

TEST(Number, reads_only_columns_of_numbers) {
  EXPECT_TRUE(detail::accepts<int>(oid::numeric));
  EXPECT_TRUE(detail::accepts<std::int64_t>(oid::oid));
  EXPECT_FALSE(detail::accepts<int>(oid::float8));
  EXPECT_FALSE(detail::accepts<int>(oid::text));
  EXPECT_TRUE(detail::accepts<double>(oid::int8));
  EXPECT_FALSE(detail::accepts<double>(oid::boolean));
  EXPECT_FALSE(detail::accepts<bool>(oid::int4));
}

TEST(Number, a_reader_never_crashes) {
  const std::vector<std::string> seeds = {"123", "-9223372036854775808", "1.50", "NaN", "-Infinity", "1e-308",
                                          "t"};
  test::never_crashes<DataError>(seeds, [](std::string_view text) { static_cast<void>(decoded<int>(text)); });
  test::never_crashes<DataError>(seeds,
                                 [](std::string_view text) { static_cast<void>(decoded<double>(text)); });
  test::never_crashes<DataError>(seeds,
                                 [](std::string_view text) { static_cast<void>(decoded<bool>(text)); });
}

}  // namespace
}  // namespace copg
