// The calls on the pool itself: execute, fetch_all, fetch_one, fetch_val, execute_many, transaction.
#include "integration/database_test.hpp"

#include <string_view>
#include <tuple>
#include <vector>

namespace copg::test {
namespace {

class Execute : public DatabaseTest {};

/// make(0), make(1), ..., each made when it is asked for. (Clang 14 can't read the views of GCC's library.)
template <class Make>
class MadeRows {
 public:
  MadeRows(int count, Make make) : count_(count), make_(std::move(make)) {}

  class Iterator {
   public:
    using value_type = std::invoke_result_t<const Make&, int>;
    using difference_type = std::ptrdiff_t;

    Iterator(const Make& make, int at) : make_(&make), at_(at) {}
    value_type operator*() const { return (*make_)(at_); }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    void operator++(int) { ++at_; }
    bool operator==(int count) const { return at_ == count; }

   private:
    const Make* make_;
    int at_;
  };
  [[nodiscard]] Iterator begin() const { return {make_, 0}; }
  [[nodiscard]] int end() const { return count_; }

 private:
  int count_;
  Make make_;
};

struct User {
  std::int64_t id;
  std::string name;
  std::optional<std::string> email;
};

TEST_F(Execute, the_tour_of_the_documentation_runs_as_it_stands) {
  PooledDatabase db = PooledDatabase::from_url(
      server().url(), {.min_size = 5, .max_size = 20, .max_idle = 300s, .max_lifetime = 1h, .timeout = 30s});
  db.execute(
      "DROP TABLE IF EXISTS users; CREATE TABLE users (id bigint GENERATED ALWAYS AS IDENTITY, "
      "name text, email text, active boolean DEFAULT true)");
  const std::vector<std::tuple<std::string>> rows = {{"Ada"}, {"Grace"}, {"Edsger"}};
  const std::int64_t added = db.execute_many("INSERT INTO users (name) VALUES ($1)", rows);
  EXPECT_EQ(added, 3);

  const Result users = db.execute("SELECT id, name FROM users WHERE active = $1 ORDER BY id", true);
  std::string names;
  for (auto row : users) {
    names += std::to_string(row["id"].as<std::int64_t>()) + row["name"].as<std::string>() + ' ';
  }
  EXPECT_EQ(names, "1Ada 2Grace 3Edsger ");

  const std::vector<User> all = db.fetch_all<User>("SELECT id, name, email FROM users ORDER BY id");
  EXPECT_EQ(all.at(1).name, "Grace");
  EXPECT_EQ(all.at(1).email, std::nullopt);
  const std::optional<User> one = db.fetch_one<User>("SELECT id, name, email FROM users WHERE id = $1", 7);
  EXPECT_FALSE(one);
  EXPECT_EQ(db.fetch_val<std::int64_t>("SELECT count(*) FROM users"), 3);

  {
    auto conn = db.connection();
    conn.execute("UPDATE users SET name = 'committed' WHERE id = 1");
    conn.commit();
  }
  {
    auto conn = db.connection();
    conn.execute("UPDATE users SET name = 'rolled back' WHERE id = 2");
  }
  db.transaction([&](Connection& tx) { tx.execute("UPDATE users SET email = 'e@d.nl' WHERE id = 3"); });
  EXPECT_EQ(db.fetch_val<std::string>("SELECT string_agg(name, ',' ORDER BY id) FROM users"),
            "committed,Grace,Edsger");
  EXPECT_EQ(db.fetch_val<std::string>("SELECT email FROM users WHERE id = 3"), "e@d.nl");

  EXPECT_EQ(db.stats().pool_min, 5U);
  db.resize(10, 50);
  db.check();
  db.wait(30s);
  EXPECT_GE(db.stats().pool_size, 10U);
  db.close();
  EXPECT_EQ(db.stats().pool_size, 0U);
}

TEST_F(Execute, a_statement_commits_by_itself) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE kept (x int)");
  db.execute("INSERT INTO kept VALUES ($1)", 1);
  PooledDatabase other = open();
  EXPECT_EQ(other.fetch_val<int>("SELECT x FROM kept"), 1);
}

TEST_F(Execute, insert_returning_gives_its_rows_and_persists) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE returned (id int, x text)");
  const Result result = db.execute("INSERT INTO returned VALUES ($1, $2) RETURNING id, upper(x)", 4, "a");
  EXPECT_EQ(result.affected_rows(), 1);
  EXPECT_EQ(result.command_tag(), "INSERT 0 1");
  EXPECT_EQ(result[0][1].as<std::string>(), "A");
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM returned"), 1);
}

TEST_F(Execute, several_statements_are_one_transaction_and_give_the_first_rows) {
  PooledDatabase db = open();
  const Result result = db.execute("CREATE TABLE several (x int); SELECT 1 AS a; SELECT 2 AS b");
  EXPECT_EQ(result.column_name(0), "a");
  EXPECT_EQ(result[0][0].as<int>(), 1);
  EXPECT_THROW(db.execute("INSERT INTO several VALUES (1); SELECT 1/0"), QueryFailed);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM several"), 0);
}

TEST_F(Execute, fetch_one_gives_the_first_row_or_none) {
  PooledDatabase db = open();
  EXPECT_EQ(db.fetch_one<int>("SELECT x FROM generate_series(1, 3) x"), 1);
  EXPECT_EQ(db.fetch_one<int>("SELECT 1 WHERE false"), std::nullopt);
  using Pair = std::tuple<int, std::string>;
  EXPECT_EQ(db.fetch_one<Pair>("SELECT 1, 'x'"), Pair(1, "x"));
  EXPECT_EQ(db.fetch_one<std::tuple<>>("SELECT FROM generate_series(1, 3)"), std::tuple<>());
}

TEST_F(Execute, fetch_val_without_a_row_is_null_or_a_data_error) {
  PooledDatabase db = open();
  EXPECT_EQ(db.fetch_val<std::optional<int>>("SELECT 1 WHERE false"), std::nullopt);
  EXPECT_THROW((void)db.fetch_val<int>("SELECT 1 WHERE false"), DataError);
  EXPECT_EQ(db.fetch_val<std::optional<int>>("SELECT NULL::int"), std::nullopt);
  EXPECT_THROW((void)db.fetch_val<int>("SELECT NULL::int"), DataError);
}

TEST_F(Execute, a_row_of_another_width_than_the_struct_is_an_error) {
  PooledDatabase db = open();
  EXPECT_THROW((void)db.fetch_all<User>("SELECT 1::bigint, 'x'"), DataError);
}

TEST_F(Execute, execute_many_is_all_or_nothing_and_names_the_row) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE many (x int PRIMARY KEY)");
  const std::vector<int> rows = {1, 2, 3, 2, 5};
  const ErrorInfo error =
      error_of<QueryFailed>([&] { db.execute_many("INSERT INTO many VALUES ($1)", rows); });
  EXPECT_EQ(error.row_index, 3);
  EXPECT_TRUE(is_unique_violation(error.sqlstate));
  EXPECT_EQ(error.constraint_name, "many_pkey");
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM many"), 0);
  EXPECT_EQ(db.execute_many("INSERT INTO many VALUES ($1)", std::vector<int>{7, 8}), 2);
  EXPECT_EQ(db.execute_many("UPDATE many SET x = x + $1", std::vector<int>{10, 100}), 4);
}

TEST_F(Execute, execute_many_of_nothing_takes_no_connection) {
  PooledDatabase db = open();
  EXPECT_EQ(db.execute_many("this is not even SQL $1", std::vector<int>{}), 0);
  EXPECT_EQ(db.stats().requests_num, 0U);
}

TEST_F(Execute, execute_many_streams_a_range_that_is_made_as_it_goes) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE streamed (x int, label text)");
  MadeRows rows(100'000, [](int i) { return std::tuple(i, std::to_string(i)); });
  EXPECT_EQ(db.execute_many("INSERT INTO streamed VALUES ($1, $2)", rows), 100'000);
  EXPECT_EQ(db.fetch_val<std::int64_t>("SELECT sum(x) FROM streamed WHERE label = x::text"), 4'999'950'000);
}

TEST_F(Execute, what_the_range_of_execute_many_throws_reaches_the_caller_and_undoes_all) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE undone (x int)");
  struct Mine {};
  MadeRows rows(10, [](int i) {
    if (i == 7) throw Mine();
    return i;
  });
  EXPECT_THROW(db.execute_many("INSERT INTO undone VALUES ($1)", rows), Mine);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM undone"), 0);
  EXPECT_TRUE(eventually([&] { return db.stats().leased == 0; }));
}

TEST_F(Execute, a_transaction_commits_on_return_and_gives_what_its_body_returns) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE tx (x int)");
  const int answer = db.transaction([](Connection& tx) {
    tx.execute("INSERT INTO tx VALUES (1)");
    return 42;
  });
  EXPECT_EQ(answer, 42);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM tx"), 1);
}

TEST_F(Execute, a_transaction_whose_body_throws_is_rolled_back_and_the_exception_comes_through) {
  PooledDatabase db = open();
  db.execute("CREATE TABLE thrown (x int)");
  const auto body = [](Connection& tx) {
    tx.execute("INSERT INTO thrown VALUES (1)");
    throw std::runtime_error("mine");
  };
  try {
    db.transaction(body);
    FAIL() << "it did not throw";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "mine");
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM thrown"), 0);
}

TEST_F(Execute, an_empty_transaction_says_nothing_to_the_server) {
  PooledDatabase db = open();
  const std::string before = db.fetch_val<std::string>("SELECT pg_current_xact_id()::text");
  db.transaction([](Connection& tx) { EXPECT_EQ(tx.transaction_status(), TransactionStatus::idle); });
  EXPECT_EQ(std::stoll(db.fetch_val<std::string>("SELECT pg_current_xact_id()::text")),
            std::stoll(before) + 1);
}

TEST_F(Execute, parameters_of_many_types_arrive_as_they_were_sent) {
  PooledDatabase db = open();
  const Result result = db.execute(
      "SELECT $1::int, $2::bigint, $3::text, $4::bool, $5::float8, $6::text, $7::int[]", 1,
      std::int64_t{1} << 40, "it's \"quoted\" \\ and $1", true, 0.1, std::nullopt, std::vector<int>{1, 2, 3});
  EXPECT_EQ(result[0][0].as<int>(), 1);
  EXPECT_EQ(result[0][1].as<std::int64_t>(), std::int64_t{1} << 40);
  EXPECT_EQ(result[0][2].as<std::string_view>(), "it's \"quoted\" \\ and $1");
  EXPECT_TRUE(result[0][3].as<bool>());
  EXPECT_EQ(result[0][4].as<double>(), 0.1);
  EXPECT_EQ(result[0][5].as<std::optional<std::string>>(), std::nullopt);
  EXPECT_EQ(result[0][6].as<std::vector<int>>(), (std::vector<int>{1, 2, 3}));
}

TEST_F(Execute, a_result_outlives_its_pool) {
  Result result;
  {
    PooledDatabase db = open();
    result = db.execute("SELECT 'still here'");
  }
  EXPECT_EQ(result[0][0].as<std::string_view>(), "still here");
}

TEST_F(Execute, the_same_statement_gives_the_right_rows_on_its_first_second_and_later_use) {
  for (const PrepareMode prepare : {PrepareMode::automatic, PrepareMode::off}) {
    PooledDatabase db = open({.min_size = 1, .max_size = 1, .prepare = prepare});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int + 1", i), i + 1);
    const int prepared =
        db.fetch_val<int>("SELECT count(*)::int FROM pg_prepared_statements WHERE statement LIKE '%+ 1'");
    EXPECT_EQ(prepared, prepare == PrepareMode::off ? 0 : 1);
  }
}

TEST_F(Execute, a_table_changed_under_a_prepared_statement_is_not_the_callers_problem) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE changing AS SELECT 1 AS a");
  for (int i = 0; i < 4; ++i) EXPECT_EQ(db.execute("SELECT * FROM changing").columns(), 1U);
  db.execute("ALTER TABLE changing ADD b int");
  EXPECT_EQ(db.execute("SELECT * FROM changing").columns(), 2U);
}

// Three times: a text takes another route to the server on its first, second and third use.
TEST_F(Execute, an_error_at_the_commit_is_the_statements_error_on_every_route) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("DROP TABLE IF EXISTS late; CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  db.execute("INSERT INTO late (a) VALUES (1)");
  for (int use = 1; use <= 4; ++use) {
    const ErrorInfo error = error_of<QueryFailed>([&] { db.execute("INSERT INTO late VALUES ($1)", 1); });
    EXPECT_EQ(error.sqlstate.text(), "23505") << "use " << use;
    EXPECT_EQ(db.fetch_val<std::int64_t>("SELECT count(*) FROM late"), 1) << "use " << use;
  }
}

TEST_F(Execute, a_trigger_that_changes_a_reported_parameter_does_not_leak_into_the_next_lease) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute(
      "DROP TABLE IF EXISTS zoned; CREATE TABLE zoned (a int);"
      "CREATE OR REPLACE FUNCTION change_zone() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN PERFORM set_config('TimeZone', 'Asia/Tokyo', false); RETURN NEW; END $$;"
      "CREATE TRIGGER zone BEFORE INSERT ON zoned FOR EACH ROW EXECUTE FUNCTION change_zone()");
  const auto before = db.fetch_val<std::string>("SHOW TimeZone");
  ASSERT_NE(before, "Asia/Tokyo");
  db.execute("INSERT INTO zoned VALUES (1)");
  EXPECT_EQ(db.fetch_val<std::string>("SHOW TimeZone"), before);
}

}  // namespace
}  // namespace copg::test
