// Arrays: quoting, NULLs, dimensions.
#include <copg/codec.hpp>

#include "encoded.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using test::contains;
using test::decoded;
using test::encoded;
using test::message_of;

using Ints = std::vector<int>;
using Strings = std::vector<std::string>;
using MaybeStrings = std::vector<std::optional<std::string>>;

TEST(Array, is_written_as_the_server_reads_it) {
  EXPECT_EQ(encoded(Ints{1, -2, 3}), "{1,-2,3}");
  EXPECT_EQ(encoded(Ints{}), "{}");
  EXPECT_EQ(encoded(Strings{"a", "b c", "", "NULL", "null", "x\"y\\z", "{", ","}),
            R"({a,"b c","","NULL","null","x\"y\\z","{",","})");
  EXPECT_EQ(encoded(MaybeStrings{"a", std::nullopt}), "{a,NULL}");
  EXPECT_EQ(encoded(std::vector<bool>{true, false}), "{t,f}");
  EXPECT_EQ(encoded(std::vector<std::vector<std::byte>>{{std::byte{0xAB}}}), R"({"\\xab"})");
  EXPECT_EQ(encoded(std::vector<const char*>{"a", nullptr}), "{a,NULL}");
}

TEST(Array, nested_vectors_are_dimensions) {
  EXPECT_EQ(encoded(std::vector<Ints>{{1, 2}, {3, 4}}), "{{1,2},{3,4}}");
  EXPECT_EQ(encoded(std::vector<Ints>{{}, {}}), "{}");
  EXPECT_TRUE(contains(message_of<DataError>([] {
                         static_cast<void>(encoded(std::vector<Ints>{{1, 2}, {3}}));
                       }),
                       "equal length"));
  EXPECT_EQ(decoded<std::vector<Ints>>("{{1,2},{3,4}}"), (std::vector<Ints>{{1, 2}, {3, 4}}));
  EXPECT_EQ(decoded<std::vector<Ints>>("{}"), std::vector<Ints>{});
}

TEST(Array, bounds_are_read_over) {
  EXPECT_EQ(decoded<Ints>("[0:2]={1,2,3}"), (Ints{1, 2, 3}));
  EXPECT_EQ(decoded<std::vector<Ints>>("[-1:0][2:2]={{1},{2}}"), (std::vector<Ints>{{1}, {2}}));
}

TEST(Array, a_null_element_needs_an_optional) {
  EXPECT_EQ(decoded<MaybeStrings>(R"({a,NULL,"NULL"})"), (MaybeStrings{"a", std::nullopt, "NULL"}));
  EXPECT_TRUE(
      contains(message_of<DataError>([] { static_cast<void>(decoded<Ints>("{1,NULL}")); }), "optional"));
}

TEST(Array, malformed_ones_are_errors) {
  for (const char* text : {"", "1", "{", "}", "{1", "{1,", "{1,}", "{,1}", "{1}}", "{1}x", "{{1}}", "{1 2}",
                           "[0:1]", "[x]={1}", "{\"1", "{\"1\\", "{\"1\"2}"}) {
    EXPECT_THROW(static_cast<void>(decoded<Ints>(text)), DataError) << text;
  }
  for (const char* text : {"{1,2}", "{{1,2},{3}}", "{{1},2}", "{{1}", "{{1},{}}"}) {
    EXPECT_THROW(static_cast<void>(decoded<std::vector<Ints>>(text)), DataError) << text;
  }
}

TEST(Array, has_the_type_of_its_elements) {
  EXPECT_EQ(detail::oid_of(Ints{}), 1007U);
  EXPECT_EQ(detail::oid_of(std::vector<Ints>{}), 1007U);
  EXPECT_EQ(detail::oid_of(std::vector<double>{}), 1022U);
  EXPECT_EQ(detail::oid_of(std::vector<Json>{}), 3807U);
  EXPECT_EQ(detail::oid_of(std::vector<std::optional<Uuid>>{}), 2951U);
  EXPECT_EQ(detail::oid_of(Strings{"a"}), oid::inferred);
  EXPECT_EQ(detail::oid_of(std::vector<std::vector<std::byte>>{}), 1001U);
}

TEST(Array, of_unsigned_64_bit_numbers_is_numeric_only_where_int8_ends) {
  EXPECT_EQ(detail::oid_of(std::vector<std::uint64_t>{1, 2}), 1016U);
  EXPECT_EQ(detail::oid_of(std::vector<std::uint64_t>{1, ~std::uint64_t{0}, 2}), 1231U);
  EXPECT_EQ(detail::oid_of(std::vector<std::optional<std::uint64_t>>{std::nullopt, 7}), 1016U);
}

TEST(Array, reads_only_columns_of_arrays_that_fit) {
  EXPECT_TRUE(detail::accepts<Ints>(1007));
  EXPECT_TRUE(detail::accepts<Ints>(1016));
  EXPECT_FALSE(detail::accepts<Ints>(1009));
  EXPECT_FALSE(detail::accepts<Ints>(oid::int4));
  EXPECT_TRUE(detail::accepts<Strings>(1009));
  EXPECT_FALSE(detail::accepts<Strings>(1020)) << "{(1,2),(0,0);(3,4),(1,1)}";
  static_assert(!Decodable<std::vector<std::string_view>>, "its elements would refer to nothing");
  static_assert(Encodable<std::vector<std::string_view>>);
}

TEST(Array, any_strings_survive_the_round_trip) {
  std::mt19937 random(7);
  const std::string_view letters = "ab{}\",\\ \t\nNUL\xC3\xA4";
  for (int round = 0; round < 5000; ++round) {
    MaybeStrings array(random() % 5);
    for (auto& element : array) {
      if (random() % 5 == 0) continue;
      element.emplace();
      for (std::size_t n = random() % 8; n > 0; --n) *element += letters[random() % letters.size()];
    }
    ASSERT_EQ(decoded<MaybeStrings>(encoded(array)), array) << encoded(array);
  }
}

TEST(Array, a_reader_never_crashes) {
  const std::vector<std::string> seeds = {R"({a,"b c",NULL,"x\"y\\z"})", "{{1,2},{3,4}}", "[0:2]={1,2,3}",
                                          "{}", "{{},{}}"};
  test::never_crashes<DataError>(
      seeds, [](std::string_view text) { static_cast<void>(decoded<MaybeStrings>(text)); });
  test::never_crashes<DataError>(
      seeds, [](std::string_view text) { static_cast<void>(decoded<std::vector<Ints>>(text)); });
}

TEST(TypeName, is_what_sql_calls_it) {
  EXPECT_EQ(type_name(oid::int8), "bigint");
  EXPECT_EQ(type_name(1009), "text[]");
  EXPECT_EQ(type_name(123456), "type 123456");
  EXPECT_EQ(type_name(0), "type 0");
}

}  // namespace
}  // namespace copg
