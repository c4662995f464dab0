// Rows as structs by the columns' names, and as maps.
#include <copg/by_name.hpp>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

class ByName : public DatabaseTest {
 protected:
  PooledDatabase db = open();
};

struct Member {
  std::int64_t id;
  std::string full_name;
  std::optional<int> age2;
  std::vector<std::string> größe_;
};

constexpr const char* shuffled =
    R"(SELECT '{a,b}'::text[] AS "größe_", NULL::int AS age2, 7::bigint AS id, 'Ada' AS full_name)";

TEST_F(ByName, columns_may_come_in_any_order) {
  const std::vector<Member> all = db.fetch_all<by_name<Member>>(shuffled);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].id, 7);
  EXPECT_EQ(all[0].full_name, "Ada");
  EXPECT_EQ(all[0].age2, std::nullopt);
  EXPECT_EQ(all[0].größe_, (std::vector<std::string>{"a", "b"}));
  const std::optional<Member> one = db.fetch_one<by_name<Member>>(shuffled);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->id, 7);
  EXPECT_EQ(db.fetch_one<by_name<Member>>(std::string(shuffled) + " WHERE false").has_value(), false);

  const Result result = db.execute(shuffled);
  EXPECT_EQ(result[0].as<by_name<Member>>().full_name, "Ada");
  EXPECT_EQ(result.to_vector<by_name<Member>>().at(0).id, 7);
  Connection connection = db.connection();
  EXPECT_EQ(connection.fetch_all<by_name<Member>>(shuffled).at(0).id, 7);
  EXPECT_EQ(connection.within(5s).fetch_one<by_name<Member>>(shuffled)->id, 7);
}

TEST_F(ByName, structs_in_functions_and_those_that_can_only_be_moved_have_names) {
  struct Inside {
    int second;
    std::unique_ptr<int> never = nullptr;
  };
  EXPECT_EQ((detail::member_name<Inside, 0>), "second");
  EXPECT_EQ((detail::member_name<Inside, 1>), "never");
  struct Local {
    std::string b;
    int a;
  };
  EXPECT_EQ(db.fetch_all<by_name<Local>>("SELECT 1 AS a, 'x' AS b").at(0).b, "x");
}

TEST_F(ByName, each_wrong_name_is_told) {
  const auto told = [this](const std::string& sql) {
    return error_of<DataError>([&] { static_cast<void>(db.fetch_all<by_name<Member>>(sql)); }).message;
  };
  const std::string message =
      told("SELECT 1::bigint AS id, '' AS name, 1 AS age2, '{}'::text[] AS \"größe_\"");
  EXPECT_NE(message.find("it has no member 'name', and no column is there for its 'full_name'"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("Member"), std::string::npos) << message;
  EXPECT_NE(told("SELECT 1::bigint AS id").find("no column is there for its 'full_name', 'age2', 'größe_'"),
            std::string::npos);
  EXPECT_NE(told(std::string(shuffled) + ", 1 AS more").find("it has no member 'more'"), std::string::npos);
  EXPECT_NE(told(std::string(shuffled) + ", 1 AS id").find("two have one name"), std::string::npos);
  EXPECT_NE(
      told("SELECT 'x' AS id, '' AS full_name, 1 AS age2, '{}'::text[] AS \"größe_\"").find("column 'id'"),
      std::string::npos);
}

TEST_F(ByName, a_statement_that_may_write_is_not_executed_if_the_names_are_wrong) {
  db.execute("CREATE TABLE by_name_log (id bigint)");
  struct Wrong {
    std::int64_t ident;
  };
  error_of<DataError>([&] {
    static_cast<void>(db.fetch_one<by_name<Wrong>>("INSERT INTO by_name_log VALUES (1) RETURNING id"));
  });
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*) FROM by_name_log"), 0);
  struct Right {
    std::int64_t id;
  };
  EXPECT_EQ(db.fetch_one<by_name<Right>>("INSERT INTO by_name_log VALUES (5) RETURNING id")->id, 5);
  db.execute("DROP TABLE by_name_log");
}

TEST_F(ByName, maps_have_the_values_by_name) {
  using Texts = std::map<std::string, std::optional<std::string>>;
  const std::vector<Texts> rows =
      db.fetch_all<Texts>("SELECT n AS id, nullif(n, 2)::text AS t FROM generate_series(1, 2) n");
  EXPECT_EQ(rows, (std::vector<Texts>{{{"id", "1"}, {"t", "1"}}, {{"id", "2"}, {"t", std::nullopt}}}));
  const auto numbers = db.fetch_one<std::unordered_map<std::string, int>>("SELECT 1 AS a, 2 AS b");
  ASSERT_TRUE(numbers);
  EXPECT_EQ(numbers->at("b"), 2);
  EXPECT_EQ(db.execute("SELECT 3 AS c")[0].as<Texts>().at("c"), "3");
  using Numbers = std::map<std::string, int>;
  const ErrorInfo error =
      error_of<DataError>([&] { static_cast<void>(db.fetch_all<Numbers>("SELECT 'x' AS a")); });
  EXPECT_NE(error.message.find("column 'a'"), std::string::npos) << error.message;
}

TEST_F(ByName, rows_of_a_stream_have_names_too) {
  struct Number {
    int n;
  };
  int sum = 0;
  for (const Number& number : db.stream<by_name<Number>>("SELECT n FROM generate_series(1, 2500) AS n"))
    sum += number.n;
  EXPECT_EQ(sum, 2500 * 2501 / 2);
}

}  // namespace
}  // namespace copg::test
