// Every type, to a real server and back: what the codecs write, the server reads as the same value, and the
// other way.
#include <copg/config.hpp>

#include <cmath>
#include <limits>
#include <random>

#include "server.hpp"

namespace copg {
namespace {

using namespace std::chrono;
using namespace std::string_literals;
using test::run;
using test::there_and_back;

template <class T>
void survives(const T& value, const std::string& type) {
  EXPECT_EQ(there_and_back(value, type), value) << type;
}

TEST(RoundTrip, numbers) {
  survives(true, "bool");
  survives(false, "bool");
  survives(std::numeric_limits<std::int8_t>::min(), "int2");
  survives(std::numeric_limits<std::int16_t>::min(), "int2");
  survives(std::numeric_limits<std::int32_t>::max(), "int4");
  survives(std::numeric_limits<std::uint32_t>::max(), "int8");
  survives(std::numeric_limits<std::int64_t>::min(), "int8");
  survives(std::numeric_limits<std::uint64_t>::max(), "numeric");
  survives(std::uint64_t{5}, "int8");
  for (const double value : {0.1, -0.0, 1e308, 5e-324, std::numeric_limits<double>::infinity()})
    survives(value, "float8");
  survives(0.1F, "float4");
  EXPECT_TRUE(std::isnan(there_and_back(std::numeric_limits<double>::quiet_NaN(), "float8")));
  EXPECT_EQ(run("SELECT 5.00::numeric(9,2)").to_value<int>(), 5);
  EXPECT_EQ(run("SELECT 5::oid").to_value<std::uint32_t>(), 5U);
}

TEST(RoundTrip, texts_and_bytes) {
  survives(""s, "text");
  survives("it's \"quoted\" \\ \xC3\xA4\n"s, "text");
  std::vector<std::byte> all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<std::byte>(i));
  survives(all, "bytea");
  survives(std::vector<std::byte>(), "bytea");
  survives(std::optional<std::vector<std::byte>>(), "bytea");
  run("SET bytea_output = escape");
  survives(all, "bytea");
  run("RESET bytea_output");
  survives(Uuid::parse("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11").value(), "uuid");
  survives(Json{R"({"a": [1, null]})"}, "jsonb");
  EXPECT_EQ(run("SELECT '{\"a\":1}'::json").to_value<Json>().text, "{\"a\":1}");
}

TEST(RoundTrip, a_string_is_taken_for_what_the_statement_needs) {
  EXPECT_EQ(run("SELECT $1::int + 1", params("41")).to_value<int>(), 42);
  EXPECT_EQ(run("SELECT $1 = 'x'", params("x"s)).to_value<bool>(), true);
}

TEST(RoundTrip, an_index_on_bigint_serves_an_unsigned_64_bit_parameter) {
  EXPECT_EQ(run("SELECT pg_typeof($1)::text", params(std::uint64_t{5})).to_value<std::string>(), "bigint");
}

class RoundTripInZone : public ::testing::TestWithParam<const char*> {};

TEST_P(RoundTripInZone, points_in_time) {
  run("SET TimeZone = '"s + GetParam() + "'");
  const auto micros = [](const char* text) {
    return sys_time<microseconds>(
        microseconds(run("SELECT (extract(epoch FROM $1::timestamptz) * 1000000)::int8", params(text))
                         .to_value<std::int64_t>()));
  };
  for (const char* text :
       {"1970-01-01 00:00:00+00", "1969-12-31 23:59:59.999999+00", "2024-03-31 01:30:00+00",
        "1883-11-18 12:00:00+00", "0001-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC",
        "12345-06-07 08:09:10.123456+00", "4713-01-01 00:00:00+00 BC"}) {
    const auto time = micros(text);
    survives(time, "timestamptz");
    EXPECT_EQ(run("SELECT $1::timestamptz", params(text)).to_value<sys_time<microseconds>>(), time) << text;
    EXPECT_TRUE(run("SELECT $1 = $2::timestamptz", params(time, text)).to_value<bool>()) << text;
  }
  run("RESET TimeZone");
}

INSTANTIATE_TEST_SUITE_P(Zones, RoundTripInZone,
                         ::testing::Values("UTC", "Europe/Berlin", "Asia/Kolkata", "America/New_York",
                                           "Pacific/Kiritimati"));

TEST(RoundTrip, any_point_in_time_that_both_sides_hold) {
  std::mt19937_64 random(8);
  std::uniform_int_distribution<std::int64_t> any(-210'866'803'200'000'000, 9'223'372'036'854'775'807);
  for (int i = 0; i < 300; ++i) {
    survives(sys_time<microseconds>(microseconds(any(random))), "timestamptz");
    survives(local_time<microseconds>(microseconds(any(random))), "timestamp");
  }
}

TEST(RoundTrip, dates_and_times) {
  for (const int n : {0, -1, 19'000, -719'163, -2'440'588, 2'145'042'905}) {
    const sys_days day{days(n)};
    survives(day, "date");
    EXPECT_EQ(run("SELECT $1::date - '1970-01-01'::date", params(day)).to_value<int>(), n);
  }
  survives(year(2024) / 2 / 29, "date");
  survives(year(-43) / 3 / 15, "date");
  survives(TimeOfDay{24h}, "time");
  survives(TimeOfDay{13h + 5min + 7us}, "time");
  EXPECT_THROW(static_cast<void>(run("SELECT 'infinity'::date").to_value<sys_days>()), DataError);
  EXPECT_THROW(static_cast<void>(run("SELECT '-infinity'::timestamptz").to_value<sys_seconds>()), DataError);
}

TEST(RoundTrip, intervals_in_every_style_that_is_read) {
  for (const char* style : {"postgres", "iso_8601"}) {
    run("SET IntervalStyle = "s + style);
    for (const microseconds value :
         {0us, 1us, -1us, microseconds(1h + 2min + 3s), microseconds(-100h), microseconds(99'999h)}) {
      survives(value, "interval");
    }
    EXPECT_EQ(run("SELECT '-1 day +2 hours 0.5 seconds'::interval").to_value<milliseconds>(), -22h + 500ms)
        << style;
    EXPECT_EQ(run("SELECT '3 days'::interval").to_value<hours>(), 72h) << style;
    EXPECT_THROW(static_cast<void>(run("SELECT '1 month'::interval").to_value<hours>()), DataError) << style;
  }
  for (const char* style : {"postgres_verbose", "sql_standard"}) {
    run("SET IntervalStyle = "s + style);
    EXPECT_EQ(run("SELECT extract(epoch FROM $1::interval)::int8", params(-3723s)).to_value<int>(), -3723)
        << style;
  }
  run("RESET IntervalStyle");
}

TEST(RoundTrip, arrays) {
  survives(std::vector<int>{1, 2, 3}, "int4[]");
  survives(std::vector<int>{}, "int4[]");
  survives(std::vector<std::string>{"", "NULL", "null", "a b", "\"\\{},", "\xC3\xA4", " x "}, "text[]");
  survives(std::vector<std::optional<std::string>>{"a", std::nullopt}, "text[]");
  survives(std::vector<std::vector<double>>{{1.5, 2}, {3, 4}}, "float8[]");
  survives(std::vector<bool>{true, false}, "bool[]");
  survives(std::vector<std::vector<std::byte>>{{std::byte{0}, std::byte{255}}, {}}, "bytea[]");
  survives(std::vector<sys_days>{sys_days(year(2024) / 1 / 1)}, "date[]");
  survives(std::vector<Json>{Json("{\"a\": \"b,c\"}")}, "jsonb[]");
  EXPECT_EQ(run("SELECT '[0:1]={7,8}'::int[]").to_value<std::vector<int>>(), (std::vector<int>{7, 8}));
  EXPECT_EQ(run("SELECT 5 = ANY($1)", params(std::vector<std::uint64_t>{4, 5})).to_value<bool>(), true);
}

TEST(RoundTrip, any_strings_in_an_array) {
  std::mt19937 random(9);
  const std::string_view letters = "ab{}\",\\ \t\nNUL";
  for (int round = 0; round < 300; ++round) {
    std::vector<std::optional<std::string>> array(random() % 5);
    for (auto& element : array) {
      if (random() % 5 == 0) continue;
      element.emplace();
      for (std::size_t n = random() % 8; n > 0; --n) *element += letters[random() % letters.size()];
    }
    survives(array, "text[]");
  }
}

TEST(RoundTrip, types_have_the_names_that_the_server_gives_them) {
  const Result types =
      run("SELECT oid, typarray, format_type(oid, NULL) FROM pg_type WHERE typtype IN ('b','p','r','m')"
          " AND oid < 6200");
  int known = 0;
  for (const Row row : types) {
    const auto type = row[0].as<Oid>();
    const std::string name = type_name(type);
    if (name.starts_with("type ") || name.ends_with("[]")) continue;
    ++known;
    std::string expected = row[2].as<std::string>();
    if (const std::size_t at = expected.find(" without time zone"); at != std::string::npos)
      expected.resize(at);
    EXPECT_EQ(name, expected);
    EXPECT_EQ(array_of(type), row[1].as<Oid>()) << name;
    if (array_of(type) != 0) {
      EXPECT_EQ(element_of(array_of(type)), type) << name;
    }
  }
  EXPECT_GT(known, 50);
}

TEST(RoundTrip, settings_arrive_at_the_server_as_they_were_given) {
  Config config = Config::from_url(test::server().url());
  config.statement_timeout = 1500ms;
  config.options["my.text"] = "a b\\c 'd' \"e\"\tf";
  config.options["application_name"] = "two words";
  std::vector<const char*> names;
  std::vector<const char*> values;
  const auto keywords = config.keywords();
  for (const auto& [name, value] : keywords) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  names.push_back(nullptr);
  values.push_back(nullptr);
  const std::unique_ptr<PGconn, decltype(&PQfinish)> conn(PQconnectdbParams(names.data(), values.data(), 0),
                                                          &PQfinish);
  ASSERT_EQ(PQstatus(conn.get()), CONNECTION_OK) << PQerrorMessage(conn.get());
  const Result result = pq::ResultAccess::make(
      pq::ResultPtr(PQexec(conn.get(),
                           "SELECT current_setting('statement_timeout'), "
                           "current_setting('my.text'), current_setting('application_name')")));
  EXPECT_EQ((result[0].as<std::tuple<std::string, std::string, std::string>>()),
            std::tuple("1500ms"s, config.options["my.text"], "two words"s));
}

}  // namespace
}  // namespace copg
