// Result, Row, Field on answers of a real server.
#include <algorithm>
#include <iterator>
#include <ranges>

#include "server.hpp"

namespace copg {
namespace {

using test::message_of;
using test::run;

TEST(Result, describes_itself) {
  const Result result = run("SELECT 1 AS a, 'x'::text AS b");
  EXPECT_EQ(result.size(), 1U);
  EXPECT_FALSE(result.empty());
  EXPECT_EQ(result.columns(), 2U);
  EXPECT_EQ(result.column_name(0), "a");
  EXPECT_EQ(result.column_type(1), oid::text);
  EXPECT_EQ(result.command_tag(), "SELECT 1");
  EXPECT_EQ(result.affected_rows(), 1);
  EXPECT_THROW(static_cast<void>(result.column_name(2)), UsageError);
}

TEST(Result, of_a_command_has_a_count_and_no_columns) {
  run("CREATE TEMP TABLE counted (n int)");
  const Result inserted = run("INSERT INTO counted SELECT generate_series(1, 12)");
  EXPECT_EQ(inserted.affected_rows(), 12);
  EXPECT_EQ(inserted.command_tag(), "INSERT 0 12");
  EXPECT_EQ(inserted.columns(), 0U);
  EXPECT_TRUE(inserted.empty());
  EXPECT_EQ(run("DROP TABLE counted").affected_rows(), 0);
}

TEST(Result, knows_whether_the_statement_returns_rows) {
  EXPECT_TRUE(run("SELECT 1 WHERE false").returns_rows());
  const Result no_columns = run("SELECT FROM generate_series(1, 3)");
  EXPECT_TRUE(no_columns.returns_rows());
  EXPECT_EQ(no_columns.size(), 3U);
  EXPECT_EQ(no_columns.columns(), 0U);
  EXPECT_FALSE(run("SET work_mem = '4MB'").returns_rows());
  EXPECT_FALSE(Result().returns_rows());
}

TEST(Result, of_nothing_is_empty) {
  const Result nothing;
  EXPECT_TRUE(nothing.empty());
  EXPECT_EQ(nothing.columns(), 0U);
  EXPECT_EQ(nothing.affected_rows(), 0);
  EXPECT_EQ(nothing.command_tag(), "");
  EXPECT_TRUE(nothing.begin() == nothing.end());
  EXPECT_THROW(static_cast<void>(nothing[0]), UsageError);
}

TEST(Result, is_iterated_row_by_row_and_field_by_field) {
  const Result result = run("SELECT n, n * 2 FROM generate_series(1, 3) AS n");
  std::vector<int> seen;
  for (const Row row : result) {
    for (const Field field : row) seen.push_back(field.as<int>());
  }
  EXPECT_EQ(seen, (std::vector<int>{1, 2, 2, 4, 3, 6}));
  EXPECT_EQ(std::distance(result.begin(), result.end()), 3);
  EXPECT_EQ((*std::next(result.begin(), 2))[0].as<int>(), 3);
  EXPECT_EQ(result[1].index(), 1U);
  static_assert(std::random_access_iterator<decltype(result.begin())>);
}

TEST(Result, a_copy_keeps_the_rows_alive) {
  Result copy;
  std::string_view text;
  {
    const Result result = run("SELECT 'kept'");
    copy = result;
    text = result[0][0].as<std::string_view>();
  }
  EXPECT_EQ(text, "kept");
  EXPECT_EQ(copy[0][0].text().data(), text.data());
}

TEST(Row, finds_columns_by_position_and_name) {
  const Result result = run("SELECT 1 AS id, 2 AS \"Id\", 3 AS id");
  const Row row = result[0];
  EXPECT_EQ(row.size(), 3U);
  EXPECT_EQ(row[1].as<int>(), 2);
  EXPECT_EQ(row["id"].as<int>(), 3) << "of equal names the last wins";
  EXPECT_EQ(row["Id"].name(), "Id");
  const std::string message = message_of<UsageError>([&] { static_cast<void>(row["ID"]); });
  EXPECT_NE(message.find("'ID'"), std::string::npos) << message;
  EXPECT_NE(message.find("'Id'"), std::string::npos) << message;
  EXPECT_THROW(static_cast<void>(row[3]), UsageError);
  EXPECT_THROW(static_cast<void>(result[1]), UsageError);
}

TEST(Field, null_and_the_empty_string_differ) {
  const Result result = run("SELECT NULL::text, ''::text");
  EXPECT_TRUE(result[0][0].is_null());
  EXPECT_EQ(result[0][0].text(), "");
  EXPECT_FALSE(result[0][1].is_null());
  EXPECT_EQ(result[0][1].as<std::string>(), "");
  EXPECT_EQ(result[0][0].as<std::optional<std::string>>(), std::nullopt);
  EXPECT_EQ(result[0][0].as_or<std::string>("none"), "none");
  EXPECT_EQ(result[0][1].as_or<std::string>("none"), "");
}

TEST(Field, an_error_names_the_column_its_type_and_the_type_wanted) {
  const Result result =
      run("SELECT 70000 AS n, 'x'::text AS t, NULL::int AS nothing, 1.5 AS d, '1 mon'::interval AS i");
  const Row row = result[0];
  // Compilers spell `short` in their own ways.
  const std::string range = message_of<DataError>([&] { static_cast<void>(row["n"].as<short>()); });
  EXPECT_TRUE(range.starts_with("column 'n' (integer) can't be read as short")) << range;
  EXPECT_TRUE(range.ends_with(": out of range: '70000'")) << range;
  EXPECT_EQ(message_of<DataError>([&] { static_cast<void>(row["t"].as<int>()); }),
            "column 't' (text) can't be read as int: cast it in the query, or take another type");
  EXPECT_EQ(message_of<DataError>([&] { static_cast<void>(row["nothing"].as<int>()); }),
            "column 'nothing' (integer) is NULL, which int can't hold: take a std::optional");
  EXPECT_THROW(static_cast<void>(row["d"].as<int>()), DataError);
  EXPECT_EQ(row["d"].as<double>(), 1.5);
  EXPECT_THROW(static_cast<void>(row["i"].as<std::chrono::seconds>()), DataError);
  EXPECT_EQ(row["i"].as<std::string>(), "1 mon");
}

TEST(Field, the_wrong_type_is_an_error_even_where_the_text_would_do) {
  const Result result = run("SELECT '5'::text, true, 5, now()");
  EXPECT_THROW(static_cast<void>(result[0][0].as<int>()), DataError);
  EXPECT_THROW(static_cast<void>(result[0][1].as<int>()), DataError);
  EXPECT_THROW(static_cast<void>(result[0][2].as<bool>()), DataError);
  EXPECT_THROW(static_cast<void>(result[0][2].as<std::vector<int>>()), DataError);
  EXPECT_THROW(static_cast<void>(result[0][3].as<std::chrono::local_seconds>()), DataError);
  EXPECT_THROW(static_cast<void>(result[0][3].as<std::chrono::sys_days>()), DataError);
}

TEST(Field, an_optional_of_the_wrong_type_is_an_error_even_for_null) {
  EXPECT_THROW(static_cast<void>(run("SELECT NULL::text")[0][0].as<std::optional<int>>()), DataError);
}

}  // namespace
}  // namespace copg
