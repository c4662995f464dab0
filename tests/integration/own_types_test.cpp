// Enumerations, composite types, ranges, addresses, and types of other libraries, to a real server and back.
#include <copg/codec/boost_json.hpp>
#include <copg/codec/boost_uuid.hpp>
#include <copg/codec/decimal.hpp>
#if __has_include(<nlohmann/json.hpp>)
#include <copg/codec/nlohmann_json.hpp>
#endif

#include <boost/json/src.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "integration/database_test.hpp"
#include "support/refusal.hpp"
#include "unit/codec/encoded.hpp"

namespace own {

enum class Mood { sad, ok, lost };
enum Level : unsigned char { low = 1, high = 2 };

struct Money {
  std::optional<std::int64_t> amount;
  std::optional<std::string> currency;
  friend bool operator==(const Money&, const Money&) = default;
};

struct Item {
  std::string name;
  std::optional<Money> price;
  std::vector<std::optional<Mood>> moods;
  friend bool operator==(const Item&, const Item&) = default;
};

struct Single {
  int only;
};

}  // namespace own

template <>
inline constexpr auto copg::enum_names<own::Mood> = copg::enum_table<own::Mood>({{own::Mood::sad, "sad"},
                                                                                 {own::Mood::ok, "it's ok"}});
template <>
inline constexpr auto copg::enum_names<own::Level> = copg::enum_table<own::Level>({{own::low, "low"},
                                                                                   {own::high, "high"}});
template <>
inline constexpr bool copg::is_composite<own::Money> = true;
template <>
inline constexpr bool copg::is_composite<own::Item> = true;
template <>
inline constexpr bool copg::is_composite<own::Single> = true;

namespace copg::test {
namespace {

using own::Item;
using own::Money;
using own::Mood;
using Decimal = boost::multiprecision::cpp_dec_float_50;

class OwnTypes : public DatabaseTest {
 protected:
  void SetUp() override {
    db.execute(
        "DROP TYPE IF EXISTS item, money_t, mood, floats CASCADE;"
        "CREATE TYPE mood AS ENUM ('sad', 'it''s ok', 'strange');"
        "CREATE TYPE money_t AS (amount bigint, currency text);"
        "CREATE TYPE item AS (name text, price money_t, moods mood[]);"
        "CREATE TYPE floats AS RANGE (subtype = float8)");
  }
  /// Each value goes into a column of this type, alone and in an array, and comes back.
  template <class T>
  void go_both_ways(const std::string& type, const std::vector<T>& values) {
    // A statement that is prepared keeps the types of its parameters: another table for each.
    const std::string table = "kept_" + type;
    db.execute("CREATE TABLE IF NOT EXISTS " + table + " (one " + type + ", more " + type + "[])");
    const std::string insert = "INSERT INTO " + table + " VALUES ($1, $2)";
    for (const T& value : values)
      db.execute(insert, value, std::vector<std::optional<T>>{value, std::nullopt});
    db.execute(insert, std::nullopt, values);
    const auto rows =
        db.fetch_all<std::pair<std::optional<T>, std::vector<std::optional<T>>>>("SELECT * FROM " + table);
    ASSERT_EQ(rows.size(), values.size() + 1);
    for (std::size_t i = 0; i < values.size(); ++i) {
      EXPECT_EQ(rows[i].first, values[i]);
      EXPECT_EQ(rows[i].second, (std::vector<std::optional<T>>{values[i], std::nullopt}));
      EXPECT_EQ(rows.back().second.at(i), values[i]);
    }
    EXPECT_EQ(rows.back().first, std::nullopt);
    db.execute("DROP TABLE " + table);
  }
  template <class T>
  std::string refusal_of(const std::string& sql) {
    return message_of<DataError>([&] { static_cast<void>(db.fetch_val<T>(sql)); });
  }

  PooledDatabase db = open();
};

TEST_F(OwnTypes, an_enumeration_goes_by_its_names) {
  go_both_ways<Mood>("mood", {Mood::sad, Mood::ok});
  EXPECT_EQ(db.fetch_val<Mood>("SELECT $1::mood", Mood::ok), Mood::ok);
  EXPECT_EQ(db.fetch_val<own::Level>("SELECT 'high'"), own::high);
  EXPECT_TRUE(
      contains(refusal_of<Mood>("SELECT 'strange'::mood"), "no value of the enumeration has this label"));
  EXPECT_TRUE(contains(message_of<DataError>([&] { db.execute("SELECT $1::mood", Mood::lost); }),
                       "the value 2 of own::Mood has no name in copg::enum_names"));
}

TEST_F(OwnTypes, a_composite_is_a_struct_by_the_order_of_its_members) {
  go_both_ways<Money>("money_t", {{1, "EUR"},
                                  {-1, ""},
                                  {std::nullopt, std::nullopt},
                                  {7, "a \"b\", (c) \\d\\\\ \n' NULL"},
                                  {std::nullopt, "NULL"}});
  go_both_ways<Item>("item",
                     {{"a \"b\"", Money{1, "x\"y\\"}, {Mood::ok, std::nullopt}}, {"", std::nullopt, {}}});
  EXPECT_EQ(db.fetch_val<Money>("SELECT ROW(5, NULL)::money_t"), (Money{5, std::nullopt}));
  EXPECT_EQ(db.fetch_val<own::Single>("SELECT ROW(5)").only, 5);
  const auto rows = db.fetch_all<std::pair<int, Money>>("SELECT 1, ROW(2, 'x')::money_t");
  EXPECT_EQ(rows.at(0).second, (Money{2, "x"}));
}

TEST_F(OwnTypes, what_does_not_fit_a_struct_is_refused) {
  EXPECT_TRUE(contains(refusal_of<Money>("SELECT ROW(1)"), "has not 2 fields, as the struct"));
  EXPECT_TRUE(contains(refusal_of<Money>("SELECT ROW(1, 'a', 2)"), "has not 2 fields, as the struct"));
  EXPECT_TRUE(contains(refusal_of<own::Single>("SELECT ROW(1, 2)"), "has not 1 fields"));
  EXPECT_TRUE(contains(refusal_of<Money>("SELECT 'x'"), "not a composite value"));
  EXPECT_TRUE(contains(refusal_of<Item>("SELECT ROW(NULL, NULL, NULL)::item"), "name is NULL"));
  EXPECT_TRUE(contains(refusal_of<Money>("SELECT ROW('x', 'y')"), "own::Money"));
  for (const char* broken : {"(", "()", "(\"", "(1,\"a)", "(1,a", "(1,a)b", "(1,\\"})
    EXPECT_THROW(static_cast<void>(decoded<Money>(broken)), DataError) << broken;
}

TEST_F(OwnTypes, ranges) {
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  go_both_ways<Range<int>>("int4range", {{1, 5},
                                         {std::nullopt, 5, false},
                                         {1, std::nullopt},
                                         {std::nullopt, std::nullopt, false},
                                         Range<int>::nothing()});
  go_both_ways<Range<std::int64_t>>("int8range", {{1, 5'000'000'000}});
  go_both_ways<Range<double>>("floats", {{1.5, 2.5, false, true}, {1.5, 1.5, true, true}});
  go_both_ways<Range<sys_days>>("daterange", {{sys_days(2024y / 1 / 1), sys_days(2024y / 2 / 1)}});
  using Moment = std::chrono::sys_time<std::chrono::microseconds>;
  go_both_ways<Range<Moment>>("tstzrange", {{Moment(1s), Moment(2s)}, {Moment(1s), std::nullopt}});
  go_both_ways<Range<Decimal>>("numrange", {{Decimal("1.5"), Decimal(2)}});
  EXPECT_EQ(db.fetch_val<Range<int>>("SELECT int4range(1, 5, '[]')"), (Range<int>(1, 6)));
  EXPECT_EQ(db.fetch_val<bool>("SELECT $1 @> date '2024-01-05'",
                               Range<sys_days>(sys_days(2024y / 1 / 1), std::nullopt)),
            true);
  EXPECT_THROW(static_cast<void>(db.fetch_val<Range<int>>("SELECT daterange(NULL, NULL)")), DataError);
  EXPECT_THROW(static_cast<void>(db.fetch_val<Range<int>>("SELECT 1")), DataError);
  for (const char* broken : {"", "[", "[1", "[1,", "[1,2", "1,2)", "[1;2)", "[\"1,2)"})
    EXPECT_THROW(static_cast<void>(decoded<Range<int>>(broken)), DataError) << broken;
  EXPECT_EQ(encoded(Range<std::string>("a\"b", "c,d")), R"(["a\"b","c,d"))");
  EXPECT_EQ(decoded<Range<std::string>>(R"(["a""b","c,d"))"), (Range<std::string>("a\"b", "c,d")));
}

TEST_F(OwnTypes, multiranges) {
  using std::chrono::sys_days;
  using namespace std::chrono_literals;
  go_both_ways<Multirange<int>>("int4multirange",
                                {{}, {{1, 5}}, {{std::nullopt, 2, false}, {4, 5}, {9, std::nullopt}}});
  go_both_ways<Multirange<std::int64_t>>("int8multirange", {{{1, 5'000'000'000}}});
  const Range<sys_days> january(sys_days(2024y / 1 / 1), sys_days(2024y / 2 / 1));
  const Range<sys_days> later(sys_days(2024y / 3 / 1), std::nullopt);
  go_both_ways<Multirange<sys_days>>("datemultirange", {{january, later}});
  go_both_ways<Multirange<Decimal>>("nummultirange", {{{Decimal("1.5"), Decimal(2), false, true}}});
  EXPECT_EQ(db.fetch_val<std::string>("SELECT pg_typeof($1)::text", Multirange<sys_days>{january}),
            "datemultirange");
  EXPECT_EQ(db.fetch_val<std::string>("SELECT pg_typeof($1)::text", Multirange<sys_days>{}),
            "datemultirange");
  EXPECT_EQ(db.fetch_val<Multirange<int>>("SELECT int4multirange(int4range(3, 9), int4range(1, 4))"),
            (Multirange<int>{{1, 9}}));
  const std::vector<Multirange<int>> several{{{1, 2}}, {}, {{3, 4}, {5, 6}}};
  EXPECT_EQ(db.fetch_val<std::vector<Multirange<int>>>("SELECT $1::int4multirange[]", several), several);
  const Multirange<int> with_gap{{1, 3}, {5, 6}};
  EXPECT_TRUE(with_gap.contains(5));
  EXPECT_FALSE(with_gap.contains(3));
  EXPECT_THROW(static_cast<void>(db.fetch_val<Multirange<int>>("SELECT datemultirange()")), DataError);
  EXPECT_THROW(static_cast<void>(db.fetch_val<Multirange<int>>("SELECT int4range(1, 2)")), DataError);
  for (const char* broken : {"", "{", "}", "{[1,2)", "{[1,2)}x", "{[1,2),}", "{,}", "{[1,2)[3,4)}", "[1,2)"})
    EXPECT_THROW(static_cast<void>(decoded<Multirange<int>>(broken)), DataError) << broken;
  EXPECT_EQ(decoded<Multirange<std::string>>(R"({["a)}","c]"),("",]})"),
            (Multirange<std::string>{{"a)}", "c]"}, {"", std::nullopt, false, true}}));
}

TEST(RangeOfValues, contains_what_is_between_its_bounds) {
  const Range<int> half_open(1, 5);
  EXPECT_TRUE(half_open.contains(1));
  EXPECT_FALSE(half_open.contains(5));
  EXPECT_FALSE(half_open.contains(0));
  const Range<int> other(1, 5, false, true);
  EXPECT_FALSE(other.contains(1));
  EXPECT_TRUE(other.contains(5));
  EXPECT_FALSE(other.contains(6));
  EXPECT_TRUE((Range<int>{}.contains(7)));
  EXPECT_FALSE(Range<int>::nothing().contains(7));
  EXPECT_EQ((Range<int>(std::nullopt, 5, true)), (Range<int>(std::nullopt, 5, false)));
  EXPECT_FALSE((half_open == other));
}

TEST_F(OwnTypes, addresses_and_networks) {
  const auto at = [](std::string_view text) { return Inet::parse(text).value(); };
  go_both_ways<Inet>("inet", {at("192.0.2.1"), at("192.0.2.1/24"), at("0.0.0.0/0"), at("2001:db8::1"),
                              at("2001:db8::/32"), at("::ffff:192.0.2.1")});
  go_both_ways<Inet>("cidr", {at("192.0.2.0/24"), at("2001:db8::/32"), at("::1")});
  EXPECT_EQ(db.fetch_val<std::string>("SELECT pg_typeof($1)::text", at("::1")), "inet");
  EXPECT_EQ(at("192.0.2.1").to_string(), "192.0.2.1");
  EXPECT_EQ(at("192.0.2.1/32"), at("192.0.2.1"));
  for (const char* wrong : {"", "x", "1.2.3", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "::/129", "1.2.3.4/8x",
                            "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd"})
    EXPECT_FALSE(Inet::parse(wrong)) << wrong;
}

TEST_F(OwnTypes, decimal_numbers_keep_their_digits) {
  go_both_ways<Decimal>("numeric", {Decimal("1.10"), Decimal("-0.000000000000000000000000000001"),
                                    Decimal("1e40"), Decimal(0), Decimal("12345678901234567890.123456789")});
  EXPECT_EQ(db.fetch_val<std::string>("SELECT $1::text", Decimal("0.1")), "0.1");
  EXPECT_EQ(db.fetch_val<std::string>("SELECT ($1 * 3)::text", Decimal(1) / 3), "0." + std::string(50, '9'));
  EXPECT_EQ(db.fetch_val<Decimal>("SELECT 7::int"), Decimal(7));
  EXPECT_TRUE(boost::multiprecision::isnan(db.fetch_val<Decimal>("SELECT 'NaN'::numeric")));
  const Decimal infinity = std::numeric_limits<Decimal>::infinity();
  go_both_ways<Decimal>("numeric", {infinity, -infinity});
  EXPECT_EQ(db.fetch_val<std::string>("SELECT $1::text", std::numeric_limits<Decimal>::quiet_NaN()), "NaN");
  const std::string digits = "1." + std::string(49, '7');
  EXPECT_EQ(db.fetch_val<Decimal>("SELECT " + digits), Decimal(digits));
  EXPECT_TRUE(contains(refusal_of<Decimal>("SELECT " + digits + "7"), "more digits than the type"));
}

TEST_F(OwnTypes, uuids_of_boost) {
  boost::uuids::uuid id{};
  std::uint8_t byte = 250;
  for (auto& each : id) each = byte++;
  go_both_ways<boost::uuids::uuid>("uuid", {id, boost::uuids::uuid{}});
  EXPECT_EQ(db.fetch_val<std::string>("SELECT $1::text", id), "fafbfcfd-feff-0001-0203-040506070809");
}

TEST_F(OwnTypes, json_of_boost) {
  const boost::json::value value = {{"a", {1, 2.5, nullptr}}, {"b", "\"\\é"}};
  go_both_ways<boost::json::value>("jsonb", {value, 7, "text"});
  EXPECT_EQ(db.fetch_val<boost::json::value>("SELECT '[1]'::json"),
            boost::json::value(boost::json::array{1}));
  EXPECT_EQ(db.fetch_val<boost::json::object>("SELECT $1", value.get_object()).at("b"), value.at("b"));
  EXPECT_EQ(db.fetch_val<boost::json::array>("SELECT '[1]'::jsonb").size(), 1U);
  EXPECT_TRUE(contains(refusal_of<boost::json::object>("SELECT '[1]'::jsonb"), "not an object"));
  EXPECT_THROW(static_cast<void>(decoded<boost::json::value>("{")), DataError);
}

#if __has_include(<nlohmann/json.hpp>)
TEST_F(OwnTypes, json_of_nlohmann) {
  const nlohmann::json value = {{"a", {1, 2.5, nullptr}}, {"b", "\"\\é"}};
  EXPECT_EQ(db.fetch_val<nlohmann::json>("SELECT $1", value), value);
  EXPECT_EQ(db.fetch_val<nlohmann::json>("SELECT '[1]'::json").at(0), 1);
  const auto all = std::vector<nlohmann::json>{value, 7};
  EXPECT_EQ(db.fetch_val<std::vector<nlohmann::json>>("SELECT $1", all), all);
  const auto ordered = db.fetch_val<nlohmann::ordered_json>(R"(SELECT '{"z": 1, "a": 2}'::json)");
  EXPECT_EQ(ordered.dump(), R"({"z":1,"a":2})");
  EXPECT_THROW(static_cast<void>(decoded<nlohmann::json>("{")), DataError);
  EXPECT_THROW(static_cast<void>(encoded(nlohmann::json("\xff"))), DataError);
}
#endif

}  // namespace
}  // namespace copg::test
