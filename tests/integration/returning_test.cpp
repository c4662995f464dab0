// execute_many_returning: the rows of RETURNING, in the order of the rows of parameters.
#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "database_test.hpp"

namespace copg::test {
namespace {

struct Returned {
  std::int64_t id;
  std::string label;
};

struct Returning : DatabaseTest {
  Returning() {
    db.execute(
        "DROP TABLE IF EXISTS given;"
        "CREATE TABLE given (id bigint GENERATED ALWAYS AS IDENTITY, label text UNIQUE, n int DEFAULT 0)");
  }
  ~Returning() override { db.execute("DROP TABLE given"); }

  [[nodiscard]] std::int64_t rows() { return db.fetch_val<std::int64_t>("SELECT count(*) FROM given"); }
  static std::vector<std::tuple<std::string>> labels(int count) {
    std::vector<std::tuple<std::string>> given;
    for (int i = 0; i < count; ++i) given.emplace_back("label " + std::to_string(i));
    return given;
  }

  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  const std::string insert = "INSERT INTO given (label) VALUES ($1) RETURNING id, label";
};

TEST_F(Returning, rows_come_in_the_order_of_those_that_were_given) {
  for (const int count : {1, 3, 20'000}) {
    db.execute("TRUNCATE given RESTART IDENTITY");
    const auto returned = db.execute_many_returning<Returned>(insert, labels(count));
    ASSERT_EQ(returned.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(returned[static_cast<std::size_t>(i)].id, i + 1);
      ASSERT_EQ(returned[static_cast<std::size_t>(i)].label, "label " + std::to_string(i));
    }
    EXPECT_EQ(rows(), count);
  }
}

TEST_F(Returning, gives_none_or_several_rows_for_one_and_any_shape) {
  db.execute_many("INSERT INTO given (label, n) VALUES ($1, $2)",
                  std::vector<std::tuple<std::string, int>>{{"a", 1}, {"b", 2}, {"c", 2}, {"d", 4}});
  const std::string update = "UPDATE given SET n = n + 10 WHERE n = $1 RETURNING label";
  auto changed = db.execute_many_returning<std::string>(update, std::vector<int>{2, 3, 1});
  std::ranges::sort(changed.begin(), changed.begin() + 2);
  EXPECT_EQ(changed, (std::vector<std::string>{"b", "c", "a"}));
  using Row = std::map<std::string, std::optional<std::string>>;
  const auto maps = db.execute_many_returning<Row>(update, std::vector<int>{4});
  EXPECT_EQ(maps, (std::vector<Row>{{{"label", "d"}}}));
  EXPECT_TRUE(db.execute_many_returning<int>(update, std::vector<int>{}).empty());
  const std::string none = "UPDATE given SET n = $1";
  EXPECT_TRUE(db.execute_many_returning<int>(none, std::vector<int>{7, 8}).empty());
  EXPECT_EQ(db.fetch_val<int>("SELECT min(n) FROM given"), 8);
}

TEST_F(Returning, null_and_empty_are_told_apart) {
  using Values = std::vector<std::optional<std::string>>;
  const Values values{"", std::nullopt, "x"};
  const std::string add = "INSERT INTO given (label) VALUES ($1) RETURNING label";
  EXPECT_EQ(db.execute_many_returning<std::optional<std::string>>(add, values), values);
}

TEST_F(Returning, a_column_whose_type_follows_that_of_the_parameter_is_read_as_what_it_is) {
  struct Source final : RowSource {
    bool next(Params& row) override {
      if (at == 3) return false;
      if (at++ == 1) {
        row.add(std::int64_t{1} << 40);
      } else {
        row.add(std::int32_t{7});
      }
      return true;
    }
    int at = 0;
  } source;
  const std::vector<Result> results = db.execute_many_returning(Sql("SELECT $1"), source);
  std::vector<std::int64_t> read;
  for (const Result& result : results)
    for (const std::int64_t value : result.to_vector<std::int64_t>()) read.push_back(value);
  EXPECT_EQ(read, (std::vector<std::int64_t>{7, std::int64_t{1} << 40, 7}));
}

TEST_F(Returning, an_error_names_its_row_and_undoes_all) {
  for (const int count : {3, 5000}) {
    std::vector<std::string> twice;
    for (int i = 0; i < count; ++i) twice.push_back("label " + std::to_string(i));
    twice.back() = "label 0";
    const ErrorInfo error =
        error_of<QueryFailed>([&] { db.execute_many_returning<Returned>(insert, twice); });
    EXPECT_EQ(error.row_index, count - 1);
    EXPECT_EQ(rows(), 0);
  }
}

TEST_F(Returning, rows_that_do_not_fit_are_an_error_that_says_what_was_executed) {
  const ErrorInfo error = error_of<DataError>([&] {
    db.execute_many_returning<int>(insert, std::vector<std::string>{"a", "b"});
  });
  EXPECT_TRUE(error.executed);
  EXPECT_TRUE(error.committed);
  EXPECT_EQ(rows(), 2);
  Connection conn = db.connection();
  const ErrorInfo inside =
      error_of<DataError>([&] { conn.execute_many_returning<int>(insert, std::vector<std::string>{"c"}); });
  EXPECT_TRUE(inside.executed);
  EXPECT_FALSE(inside.committed);
}

TEST_F(Returning, on_a_lease_is_part_of_its_transaction_and_of_a_deadline) {
  Connection conn = db.connection();
  const std::string add = "INSERT INTO given (label) VALUES ($1) RETURNING label";
  const std::vector<std::string> labels{"a", "b"};
  EXPECT_EQ(conn.execute_many_returning<std::string>(add, labels), labels);
  EXPECT_EQ(rows(), 0);
  conn.rollback();
  EXPECT_EQ(conn.within(10s).execute_many_returning<std::string>(add, labels), labels);
  conn.commit();
  EXPECT_EQ(rows(), 2);
  conn.release();
  db.execute("TRUNCATE given");
  EXPECT_EQ(db.within(10s).execute_many_returning<std::string>(add, labels), labels);
}

}  // namespace
}  // namespace copg::test
