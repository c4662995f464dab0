// Rows as aggregates, tuples and single values, and the way back into parameters.
#include "server.hpp"

namespace copg {
namespace {

using test::message_of;
using test::run;

struct User {
  std::int64_t id;
  std::string name;
  std::optional<std::string> email;
  friend bool operator==(const User&, const User&) = default;
};

constexpr const char* two_users =
    "SELECT * FROM (VALUES (1::bigint, 'ann', 'ann@example.com'), (2, 'bob', NULL)) AS u";

TEST(Mapping, a_row_becomes_an_aggregate_by_position) {
  EXPECT_EQ(run(two_users).to_vector<User>(),
            (std::vector<User>{{1, "ann", "ann@example.com"}, {2, "bob", std::nullopt}}));
  EXPECT_EQ(run(two_users).to_optional<User>(), (User{1, "ann", "ann@example.com"}));
  EXPECT_EQ(run("SELECT 1::bigint, 'x', 'y' WHERE false").to_optional<User>(), std::nullopt);
}

TEST(Mapping, a_row_becomes_a_tuple_by_position) {
  const auto rows = run("SELECT 1, 'x'").to_vector<std::tuple<int, std::string>>();
  EXPECT_EQ(rows, (std::vector<std::tuple<int, std::string>>{{1, "x"}}));
  EXPECT_EQ((run("SELECT 1, 2.5")[0].as<std::pair<int, double>>()), std::pair(1, 2.5));
}

TEST(Mapping, a_single_column_is_a_value) {
  EXPECT_EQ(run("SELECT n FROM generate_series(1, 3) AS n").to_vector<int>(), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(run("SELECT count(*) FROM generate_series(1, 3)").to_value<std::int64_t>(), 3);
  EXPECT_EQ(run("SELECT NULL::int").to_value<std::optional<int>>(), std::nullopt);
  EXPECT_EQ(run("SELECT 1 WHERE false").to_value<std::optional<int>>(), std::nullopt);
  EXPECT_THROW(static_cast<void>(run("SELECT 1 WHERE false").to_value<int>()), DataError);
  EXPECT_EQ(run("SELECT ARRAY[1,2]").to_value<std::vector<int>>(), (std::vector<int>{1, 2}));
}

TEST(Mapping, a_wrong_number_of_columns_is_an_error_that_names_both) {
  const std::string few =
      message_of<UsageError>([] { static_cast<void>(run("SELECT 1, 'x'").to_vector<User>()); });
  EXPECT_NE(few.find("2 columns"), std::string::npos) << few;
  EXPECT_NE(few.find("takes 3"), std::string::npos) << few;
  EXPECT_THROW(static_cast<void>(run("SELECT 1, 2").to_value<int>()), UsageError);
  EXPECT_THROW(static_cast<void>(run("SELECT 1")[0].as<std::tuple<>>()), UsageError);
}

TEST(Mapping, a_member_that_does_not_fit_names_its_column) {
  const std::string message = message_of<DataError>(
      [] { static_cast<void>(run("SELECT 1 AS id, NULL AS name, 'e' AS email").to_vector<User>()); });
  EXPECT_NE(message.find("'name'"), std::string::npos) << message;
}

TEST(Mapping, the_first_column_that_does_not_fit_is_named_whether_its_value_or_its_type_is_wrong) {
  using Small = std::tuple<std::int8_t, int>;
  const auto message_for = [](const char* sql) {
    const Result result = run(sql);
    const std::string of_all = message_of<DataError>([&] { static_cast<void>(result.to_vector<Small>()); });
    const std::string of_row =
        message_of<DataError>([&] { static_cast<void>(result[result.size() - 1].as<Small>()); });
    EXPECT_EQ(of_all, of_row);
    return of_all;
  };
  EXPECT_TRUE(test::contains(message_for("SELECT 300 AS a, 'x' AS b"), "'a'"));
  EXPECT_TRUE(test::contains(message_for("SELECT 30 AS a, 'x' AS b"), "'b'"));
  EXPECT_TRUE(test::contains(message_for("SELECT 'x' AS a, NULL::int AS b"), "'a'"));
  EXPECT_TRUE(test::contains(message_for("SELECT n AS a, n AS b FROM (VALUES (1), (300)) v(n)"), "'a'"));
  EXPECT_TRUE(run("SELECT 1, 'x' WHERE false").to_vector<Small>().empty());
}

struct Held {
  std::unique_ptr<int> nothing;  ///< Can't be copied.
  int id = 0;
};

}  // namespace

template <>
struct Codec<std::unique_ptr<int>> {
  static constexpr Oid oid = oid::inferred;
  static std::unique_ptr<int> decode(std::string_view text) {
    return std::make_unique<int>(Codec<int>::decode(text));
  }
};

namespace {

TEST(Mapping, members_that_can_not_be_copied_are_read_by_a_codec_of_the_users) {
  const auto rows = run("SELECT n, -n FROM generate_series(1, 100) n").to_vector<Held>();
  ASSERT_EQ(rows.size(), 100U);
  EXPECT_EQ(*rows[99].nothing, 100);
  EXPECT_EQ(rows[99].id, -100);
}

TEST(Mapping, rows_become_parameters) {
  Params params;
  add_row(params, User{7, "eve", std::nullopt});
  add_row(params, std::tuple(1, "x"));
  add_row(params, std::pair(true, 2.5));
  add_row(params, 9);
  EXPECT_EQ(params.size(), 8);
  const Result result = run("SELECT $1, $2::text, $3::text, $4, $5::text, $6, $7, $8", params);
  using All =
      std::tuple<std::int64_t, std::string, std::optional<std::string>, int, std::string, bool, double, int>;
  EXPECT_EQ(result[0].as<All>(), All(7, "eve", std::nullopt, 1, "x", true, 2.5, 9));
}

}  // namespace
}  // namespace copg
