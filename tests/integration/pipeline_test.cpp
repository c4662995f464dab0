// Pipelines of pools and connections of threads: each statement its own transaction, or all or none.
#include <string>
#include <vector>

#include "database_test.hpp"

namespace copg::test {
namespace {

struct Pipelines : DatabaseTest {
  Pipelines() { db.execute("DROP TABLE IF EXISTS piped; CREATE TABLE piped (n int PRIMARY KEY)"); }
  ~Pipelines() override { db.execute("DROP TABLE piped"); }

  [[nodiscard]] int rows() { return db.fetch_val<int>("SELECT count(*) FROM piped"); }
  [[nodiscard]] static Pipeline twice_the_same() {
    return Pipeline()
        .add("INSERT INTO piped VALUES ($1)", 1)
        .add("INSERT INTO piped VALUES ($1) RETURNING n", 2)
        .add("INSERT INTO piped VALUES ($1)", 1)
        .add("SELECT $1::text", "last");
  }

  PooledDatabase db = open({.min_size = 1, .max_size = 2});
};

TEST_F(Pipelines, of_a_pool_are_transactions_of_their_own_and_an_error_is_an_answer) {
  for (const bool within : {false, true}) {
    db.execute("TRUNCATE piped");
    const auto answers = within ? db.within(10s).execute(twice_the_same()) : db.execute(twice_the_same());
    ASSERT_EQ(answers.size(), 4U);
    EXPECT_EQ(answers[0].value().affected_rows(), 1);
    EXPECT_EQ(answers[1].value()[0][0].as<int>(), 2);
    EXPECT_EQ(error_of<QueryFailed>([&] { (void)answers[2].value(); }).sqlstate.text(), "23505");
    EXPECT_EQ(answers[3].value()[0][0].as<std::string>(), "last");
    EXPECT_EQ(rows(), 2);
  }
  EXPECT_TRUE(db.execute(Pipeline()).empty());
}

TEST_F(Pipelines, all_or_none_of_a_pool_are_one_transaction) {
  for (const bool within : {false, true}) {
    const auto all = [&](const Pipeline& pipeline) {
      return within ? db.within(10s).execute_all(pipeline) : db.execute_all(pipeline);
    };
    const ErrorInfo error = error_of<QueryFailed>([&] { all(twice_the_same()); });
    EXPECT_EQ(error.statement_index, 2);
    EXPECT_EQ(error.query, "INSERT INTO piped VALUES ($1)");
    EXPECT_EQ(rows(), 0);
    const auto results = all(
        Pipeline().add("INSERT INTO piped VALUES ($1), ($2)", 1, 2).add("SELECT count(*)::int FROM piped"));
    ASSERT_EQ(results.size(), 2U);
    EXPECT_EQ(results[0].affected_rows(), 2);
    EXPECT_EQ(results[1].to_value<int>(), 2);
    EXPECT_EQ(rows(), 2);
    db.execute("TRUNCATE piped");
  }
  EXPECT_TRUE(db.execute_all(Pipeline()).empty());
}

TEST_F(Pipelines, the_message_names_the_statement) {
  try {
    db.execute_all(twice_the_same());
    ADD_FAILURE() << "no error";
  } catch (const QueryFailed& error) {
    const std::string text = error.what();
    EXPECT_TRUE(text.starts_with("statement 2: duplicate key")) << text;
    EXPECT_NE(text.find("STATEMENT: INSERT INTO piped VALUES ($1)"), std::string::npos) << text;
  }
}

TEST_F(Pipelines, all_or_none_on_a_lease_belong_to_its_transaction) {
  Connection conn = db.connection();
  conn.execute_all(Pipeline().add("INSERT INTO piped VALUES (1)").add("INSERT INTO piped VALUES (2)"));
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
  EXPECT_EQ(rows(), 0);
  conn.commit();
  EXPECT_EQ(rows(), 2);
  EXPECT_EQ(error_of<QueryFailed>([&] { conn.within(10s).execute_all(twice_the_same()); }).statement_index,
            0);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
  conn.rollback();

  conn.autocommit(true);
  conn.execute_all(Pipeline().add("INSERT INTO piped VALUES (3)").add("INSERT INTO piped VALUES (4)"));
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  EXPECT_EQ(rows(), 4);
  conn.transaction({.settings = {{"app.tenant", "7"}}}, [](Connection& tx) {
    EXPECT_EQ(tx.execute_all(Pipeline().add("SHOW app.tenant"))[0].to_value<std::string>(), "7");
  });
  EXPECT_EQ(error_of<QueryFailed>([&] { conn.execute_all(twice_the_same()); }).statement_index, 0);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle) << "it was rolled back";
}

TEST_F(Pipelines, what_cannot_travel_is_refused_and_nothing_was_sent) {
  for (const char* sql : {"SELECT 1; SELECT 2", "COPY piped TO STDOUT", "BEGIN", "COMMIT"}) {
    const Pipeline pipeline = Pipeline().add("INSERT INTO piped VALUES (1)").add(sql);
    EXPECT_EQ(error_of<UsageError>([&] { db.execute_all(pipeline); }).statement_index, 1) << sql;
  }
  EXPECT_EQ(rows(), 0);
}

TEST_F(Pipelines, whose_backend_is_killed_say_what_is_known) {
  const Pipeline pipeline = Pipeline()
                                .add("INSERT INTO piped VALUES (1)")
                                .add("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)")
                                .add("INSERT INTO piped VALUES (2)");
  static_cast<void>(error_of<CommitUnknown>([&] { db.execute_all(pipeline); }));
  EXPECT_EQ(rows(), 0);
  const auto answers = db.execute(pipeline);
  EXPECT_TRUE(answers[0].has_value());
  EXPECT_FALSE(answers[1].has_value());
  static_cast<void>(error_of<ConnectionFailed>([&] { (void)answers[2].value(); }));
  EXPECT_EQ(rows(), 1);
}

TEST_F(Pipelines, that_are_late_leave_the_pool_whole) {
  const Pipeline pipeline =
      Pipeline().add("INSERT INTO piped VALUES (1)").add("SELECT pg_sleep(600)").add("SELECT 3");
  static_cast<void>(error_of<CommitUnknown>([&] { db.within(100ms).execute_all(pipeline); }));
  static_cast<void>(error_of<QueryTimeout>([&] { (void)db.within(100ms).execute(pipeline); }));
  Connection conn = db.connection();
  static_cast<void>(error_of<QueryTimeout>(
      [&] { conn.within(100ms).execute_all(Pipeline().add("SELECT 1").add("SELECT pg_sleep(600)")); }));
  conn.release();
  EXPECT_EQ(rows(), 1) << "of the pipeline whose statements are each their own";
}

TEST_F(Pipelines, ten_thousand_statements_with_large_answers_pass) {
  Pipeline pipeline;
  const std::string large(10'000, 'x');
  for (int i = 0; i < 10'000; ++i) pipeline.add("SELECT $1::text", large);
  EXPECT_EQ(db.execute_all(pipeline).back()[0][0].text().size(), large.size());
  EXPECT_EQ(db.execute(pipeline).back().value()[0][0].text().size(), large.size());
}

}  // namespace
}  // namespace copg::test
