// What a statement has done when its call throws: no answer of a write that the server has accepted looks
// like a call that did nothing.
#include <copg/copg.hpp>
#include <copg/detail/rows_of.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>

#include "integration/database_test.hpp"

namespace copg::test {

struct Colour {
  bool operator==(const Colour&) const = default;
};
/// Of an application's own.
struct NoSuchColour : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace copg::test

template <>
struct copg::Codec<copg::test::Colour> {
  static constexpr Oid oid = oid::inferred;
  static copg::test::Colour decode(std::string_view text) {
    throw copg::test::NoSuchColour("no colour is called " + std::string(text));
  }
};

namespace copg::test {
namespace {

class Effects : public DatabaseTest {
 protected:
  void SetUp() override { db.execute("DROP TABLE IF EXISTS effects; CREATE TABLE effects (x int UNIQUE)"); }
  [[nodiscard]] int rows() { return db.fetch_val<int>("SELECT count(*)::int FROM effects"); }

  PooledDatabase db = open();
};

constexpr std::string_view and_committed = "; the statement (INSERT 0 1) was executed and committed";
constexpr std::string_view and_still_open =
    "; the statement (INSERT 0 1) was executed, and its transaction was still open then";

TEST_F(Effects, a_write_without_returning_gives_nothing_and_no_error) {
  EXPECT_EQ(db.fetch_one<int>("INSERT INTO effects VALUES (1)"), std::nullopt);
  EXPECT_EQ(db.fetch_val<std::optional<int>>("INSERT INTO effects VALUES ($1)", 2), std::nullopt);
  EXPECT_TRUE(db.fetch_all<int>("INSERT INTO effects VALUES (3)").empty());
  Connection connection = db.connection();
  EXPECT_EQ(connection.fetch_one<int>("INSERT INTO effects VALUES (4)"), std::nullopt);
  EXPECT_EQ(connection.fetch_val<std::optional<int>>("DELETE FROM effects WHERE x = 4"), std::nullopt);
  connection.commit();
  EXPECT_EQ(rows(), 3);
}

TEST_F(Effects, a_value_of_a_write_that_cant_be_read_says_that_it_was_committed) {
  const ErrorInfo error = error_of<DataError>(
      [&] { (void)db.fetch_val<int>("INSERT INTO effects VALUES (1) RETURNING 3000000000"); });
  EXPECT_TRUE(error.message.ends_with(and_committed)) << error.message;
  EXPECT_TRUE(error.executed);
  EXPECT_TRUE(error.committed);
  EXPECT_EQ(rows(), 1);
}

TEST_F(Effects, inside_a_transaction_it_says_that_nothing_is_committed_yet) {
  Connection connection = db.connection();
  const ErrorInfo error = error_of<DataError>(
      [&] { (void)connection.fetch_one<int>("INSERT INTO effects VALUES (1) RETURNING NULL::int"); });
  EXPECT_TRUE(error.message.ends_with(and_still_open)) << error.message;
  EXPECT_TRUE(error.executed);
  EXPECT_FALSE(error.committed);
  connection.commit();
  EXPECT_EQ(rows(), 1);
  connection.autocommit(true);
  EXPECT_TRUE(error_of<DataError>([&] {
                (void)connection.fetch_all<int>("INSERT INTO effects VALUES (2) RETURNING NULL::int");
              }).committed);
}

TEST_F(Effects, in_a_pipeline_are_those_of_the_transactions_in_it) {
  Connection connection = db.connection();
  connection.autocommit(true);
  Pipeline pipeline;
  pipeline.add("INSERT INTO effects VALUES (1) RETURNING 'x'")
      .add("BEGIN")
      .add("INSERT INTO effects VALUES (2) RETURNING 'x'")
      .add("COMMIT")
      .add("INSERT INTO effects VALUES (3) RETURNING 'x'");
  const auto answers = connection.execute(pipeline);
  const auto committed = [&](std::size_t index) {
    return error_of<DataError>([&] { (void)detail::to_value<int>(answers[index].value()); }).committed;
  };
  EXPECT_TRUE(committed(0));
  EXPECT_FALSE(committed(2));
  EXPECT_TRUE(committed(4));
}

TEST_F(Effects, a_write_that_was_to_give_a_row_and_gave_none_says_that_it_was_executed) {
  db.execute("INSERT INTO effects VALUES (1)");
  const ErrorInfo error = error_of<DataError>(
      [&] { (void)db.fetch_val<int>("INSERT INTO effects VALUES (1) ON CONFLICT DO NOTHING RETURNING x"); });
  EXPECT_TRUE(error.committed) << error.message;
  EXPECT_NE(error.message.find("no row"), std::string::npos) << error.message;
}

TEST_F(Effects, what_only_reads_is_not_called_executed) {
  const auto reading = [&](auto read) {
    const ErrorInfo error = error_of<DataError>(read);
    EXPECT_FALSE(error.executed) << error.message;
    EXPECT_FALSE(error.committed);
    EXPECT_EQ(error.message.find("executed"), std::string::npos) << error.message;
  };
  reading([&] { (void)db.fetch_val<int>("SELECT 'x'"); });
  reading([&] { (void)db.fetch_val<int>("SELECT 1 WHERE false"); });
  reading([&] { (void)db.fetch_one<std::tuple<int, int>>("SELECT 1"); });
}

TEST_F(Effects, what_a_codec_throws_is_nested_in_an_error_that_tells_of_the_write) {
  try {
    (void)db.fetch_val<Colour>("INSERT INTO effects VALUES (1) RETURNING 'red'");
    FAIL() << "no error";
  } catch (const DataError& error) {
    EXPECT_EQ(error.info().message, "no colour is called red" + std::string(and_committed));
    EXPECT_TRUE(error.info().committed);
    EXPECT_THROW(std::rethrow_if_nested(error), NoSuchColour);
  }
  EXPECT_EQ(rows(), 1);
  EXPECT_THROW((void)db.fetch_val<Colour>("SELECT 'red'"), NoSuchColour) << "a read has done nothing";
}

TEST_F(Effects, a_function_may_write) {
  db.execute(
      "CREATE OR REPLACE FUNCTION write_effect() RETURNS bigint LANGUAGE sql AS "
      "'INSERT INTO effects VALUES (1) RETURNING 3000000000'");
  const ErrorInfo error = error_of<DataError>([&] { (void)db.fetch_val<int>("SELECT write_effect()"); });
  EXPECT_TRUE(error.committed) << error.message;
  EXPECT_EQ(rows(), 1);
}

// What can be known before the statement is executed.

TEST_F(Effects, fetch_val_of_a_write_without_returning_is_refused_before_it_is_sent) {
  const PoolStats before = db.stats();
  const ErrorInfo error =
      error_of<UsageError>([&] { (void)db.fetch_val<int>("INSERT INTO effects VALUES ($1)", 1); });
  EXPECT_NE(error.message.find("nothing was sent"), std::string::npos) << error.message;
  EXPECT_EQ(error.query, "INSERT INTO effects VALUES ($1)");
  EXPECT_FALSE(error.executed);
  EXPECT_EQ(db.stats().requests_num, before.requests_num);
  Connection connection = db.connection();
  EXPECT_THROW((void)connection.fetch_val<int>("DELETE FROM effects"), UsageError);
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::idle);
  EXPECT_EQ(rows(), 0);
}

TEST_F(Effects, a_write_whose_rows_do_not_fit_is_not_executed) {
  using Two = std::tuple<int, int>;
  const auto refused = [&](auto call) {
    const ErrorInfo error = error_of<DataError>(call);
    EXPECT_TRUE(error.message.ends_with("; nothing was executed")) << error.message;
    EXPECT_FALSE(error.query.empty());
    EXPECT_FALSE(error.executed);
    EXPECT_TRUE(error.connection_survives);
    EXPECT_EQ(rows(), 0) << error.message;
  };
  for (int use = 1; use <= 3; ++use) {
    refused([&] { (void)db.fetch_one<int>("INSERT INTO effects VALUES (1) RETURNING x, x"); });
    refused([&] { (void)db.fetch_all<Two>("INSERT INTO effects VALUES (1) RETURNING x"); });
    refused([&] { (void)db.fetch_val<int>("INSERT INTO effects VALUES ($1) RETURNING 'x'::text", use); });
    refused([&] {
      (void)db.fetch_val<int>("WITH w AS (INSERT INTO effects VALUES (1) RETURNING x) SELECT x, x FROM w");
    });
  }
  // What is never shared, for the words in it, may write all the same.
  refused([&] {
    (void)db.fetch_val<std::chrono::sys_days>(
        "INSERT INTO effects SELECT 1 WHERE 'create a temp file' > '' RETURNING x");
  });
  refused([&] {
    (void)db.fetch_val<std::chrono::sys_days>("INSERT INTO effects SELECT 1 FROM pg_sleep(0) RETURNING x");
  });
  db.execute(
      "CREATE OR REPLACE FUNCTION add_effect() RETURNS int LANGUAGE sql AS "
      "'INSERT INTO effects VALUES (1) RETURNING x'");
  refused([&] { (void)db.fetch_val<std::chrono::sys_days>("SELECT add_effect()"); });
  EXPECT_EQ(db.fetch_val<int>("SELECT add_effect()"), 1);
  EXPECT_EQ(rows(), 1);
}

TEST_F(Effects, one_that_is_prepared_already_is_looked_at_as_well) {
  Connection connection = db.connection();
  connection.autocommit(true);
  const std::string sql = "DELETE FROM effects WHERE x = $1 RETURNING x";
  for (int use = 1; use <= 3; ++use) connection.execute(sql, use);
  db.execute("INSERT INTO effects VALUES (1), (2)");
  EXPECT_THROW((void)connection.fetch_one<std::string>(std::string(sql) + ", x", 1), DataError);
  EXPECT_THROW((void)connection.fetch_one<Uuid>(sql, 1), DataError);
  EXPECT_EQ(rows(), 2);
  EXPECT_EQ(connection.fetch_one<int>(sql, 1), 1);
  EXPECT_EQ(connection.fetch_val<int>(sql, 2), 2);
  EXPECT_EQ(rows(), 0);
}

TEST_F(Effects, in_a_transaction_what_was_not_executed_does_not_fail_it) {
  db.transaction([&](Connection& tx) {
    for (int i = 1; i <= 3; ++i) {
      EXPECT_THROW((void)tx.fetch_one<int>("INSERT INTO effects VALUES ($1) RETURNING x, x", i), DataError);
      EXPECT_EQ(tx.transaction_status(), TransactionStatus::in_transaction);
      EXPECT_EQ(tx.fetch_val<int>("INSERT INTO effects VALUES ($1) RETURNING x", i), i);
    }
  });
  EXPECT_EQ(rows(), 3);
}

TEST_F(Effects, the_servers_refusal_of_a_statement_that_is_looked_at_comes_through) {
  Connection connection = db.connection();
  connection.autocommit(true);
  for (int use = 1; use <= 3; ++use) {
    EXPECT_EQ(error_of<QueryFailed>([&] {
                (void)connection.fetch_val<int>("INSERT INTO effects VALUES (1) RETURNING nothing");
              }).sqlstate,
              SqlState("42703"));
    EXPECT_EQ(error_of<QueryFailed>([&] {
                (void)connection.fetch_val<int>("INSERT INTO effects VALUES (1 / $1) RETURNING x", 0);
              }).sqlstate,
              SqlState("22012"));
    EXPECT_EQ(connection.fetch_val<int>("SELECT 7"), 7);
  }
  connection.autocommit(false);
  EXPECT_THROW((void)connection.fetch_val<int>("INSERT INTO effects VALUES (1) RETURNING nobody"),
               QueryFailed);
  EXPECT_EQ(connection.transaction_status(), TransactionStatus::failed);
  connection.rollback();
  EXPECT_EQ(rows(), 0);
}

TEST_F(Effects, a_table_that_changes_under_a_prepared_statement_is_looked_at_anew) {
  PooledDatabase one = open({.min_size = 1, .max_size = 1});
  const std::string sql = "INSERT INTO effects VALUES ($1) RETURNING *";
  for (int i = 1; i <= 3; ++i) one.execute(sql, i);
  one.execute("ALTER TABLE effects ADD y int");
  EXPECT_THROW((void)one.fetch_val<int>(sql, 4), DataError);
  EXPECT_EQ(rows(), 3);
  const std::tuple<int, std::optional<int>> both(4, std::nullopt);
  EXPECT_EQ((one.fetch_one<std::tuple<int, std::optional<int>>>(sql, 4)), both);
  one.execute("ALTER TABLE effects DROP y");
  const ErrorInfo error =
      error_of<DataError>([&] { (void)one.fetch_one<std::tuple<int, std::optional<int>>>(sql, 5); });
  EXPECT_TRUE(error.committed) << "it was known to fit: " << error.message;
  EXPECT_EQ(rows(), 5);
}

TEST_F(Effects, one_that_waits_for_a_connection_is_looked_at_as_well) {
  PooledDatabase one = open({.min_size = 1, .max_size = 1});
  std::optional<Connection> held = one.connection();
  std::thread caller([&] {
    EXPECT_THROW((void)one.fetch_one<int>("INSERT INTO effects VALUES (9) RETURNING x, x"), DataError);
  });
  EXPECT_TRUE(eventually([&] { return one.stats().requests_waiting == 1; }));
  held.reset();
  caller.join();
  EXPECT_EQ(rows(), 0);
}

TEST_F(Effects, a_copy_that_would_write_is_refused_before_it_is_sent) {
  const std::string_view copy = "COPY (INSERT INTO effects VALUES (1) RETURNING x) TO STDOUT";
  EXPECT_THROW(db.execute(copy), UsageError);
  EXPECT_THROW(db.execute("INSERT INTO effects VALUES (2); COPY effects TO stdout"), UsageError);
  struct Nothing : CopySource, CopySink {
    std::string_view next() override { return {}; }
    void take(std::string_view /*piece*/) override {}
  } nothing;
  Connection connection = db.connection();
  connection.autocommit(true);
  EXPECT_THROW(connection.copy_in(copy, nothing), UsageError);
  EXPECT_THROW(connection.copy_out("COPY effects FROM STDIN", nothing), UsageError);
  EXPECT_THROW(connection.copy_out("COPY effects TO '/dev/null'", nothing), UsageError);
  EXPECT_EQ(rows(), 0);
  EXPECT_EQ(connection.copy_out(copy, nothing), 1);
  EXPECT_EQ(rows(), 1);
}

}  // namespace
}  // namespace copg::test
