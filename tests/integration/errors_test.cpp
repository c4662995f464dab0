// What an error says: of every operation the same, and what to do where the server does not say it.
#include "integration/database_test.hpp"

#include <functional>
#include <string>
#include <tuple>
#include <vector>

namespace copg::test {
namespace {

class Errors : public DatabaseTest {};

class TwoLines final : public CopySource {
 public:
  std::string_view next() override { return std::exchange(given_, true) ? "" : "1\tone\nx\ttwo\n"; }

 private:
  bool given_ = false;
};

class NoSink final : public CopySink {
 public:
  void take(std::string_view) override {}
};

/// A row of two parameters, then one of one.
class UnevenRows final : public RowSource {
 public:
  bool next(Params& row) override {
    if (rows_ == 2) return false;
    row.add(1);
    if (rows_++ == 0) row.add(2);
    return true;
  }

 private:
  int rows_ = 0;
};

TEST_F(Errors, of_every_operation_have_the_text_and_the_place) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const std::string sql = "SELECT 1\nFROM nowhere WHERE 1 = $1";
  const std::string plain = "SELECT 1\nFROM nowhere";
  const auto expect_place = [](const ErrorInfo& info, const std::string& text) {
    EXPECT_EQ(info.query, text);
    EXPECT_EQ(info.statement_position, 15);
    EXPECT_EQ(info.sqlstate.text(), "42P01");
    EXPECT_EQ(info.severity, "ERROR");
  };
  const auto failure = [&](const std::function<void(Connection&)>& call, bool autocommit = true) {
    Connection conn = db.connection();
    conn.autocommit(autocommit);
    return error_of<QueryFailed>([&] { call(conn); });
  };
  const std::vector<std::tuple<int>> rows = {{1}};
  for (const bool autocommit : {true, false}) {
    expect_place(failure([&](Connection& conn) { conn.execute(sql, 1); }, autocommit), sql);
    expect_place(failure([&](Connection& conn) { conn.execute_many(sql, rows); }, autocommit), sql);
    expect_place(failure([&](Connection& conn) { conn.execute(plain + "; SELECT 2"); }, autocommit),
                 plain + "; SELECT 2");
    expect_place(failure(
                     [&](Connection& conn) {
                       Pipeline pipeline;
                       pipeline.add("SELECT 1").add(sql, 1);
                       (void)conn.execute(pipeline).at(1).value();
                     },
                     autocommit),
                 sql);
  }
  expect_place(error_of<QueryFailed>([&] { db.execute(sql, 1); }), sql);
  expect_place(error_of<QueryFailed>([&] { db.execute_many(sql, rows); }), sql);
  const ErrorInfo copied = failure([](Connection& conn) {
    NoSink sink;
    conn.copy_out("COPY nowhere TO STDOUT", sink);
  });
  EXPECT_EQ(copied.query, "COPY nowhere TO STDOUT");
  EXPECT_EQ(copied.sqlstate.text(), "42P01");
}

TEST_F(Errors, of_a_copy_say_the_line_and_the_column) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE copied (id int, name text)");
  Connection conn = db.connection();
  TwoLines lines;
  try {
    conn.copy_in("COPY copied FROM STDIN", lines);
    FAIL() << "it was copied";
  } catch (const QueryFailed& error) {
    EXPECT_STREQ(error.what(),
                 "invalid input syntax for type integer: \"x\"\n"
                 "CONTEXT: COPY copied, line 2, column id: \"x\"\nSTATEMENT: COPY copied FROM STDIN");
  }
}

TEST_F(Errors, of_a_commit_have_the_constraint) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE once (id int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  Connection conn = db.connection();
  conn.execute("INSERT INTO once VALUES (1), (1)");
  const ErrorInfo info = error_of<QueryFailed>([&] { conn.commit(); });
  EXPECT_EQ(info.constraint_name, "once_id_key");
  EXPECT_EQ(info.detail, "Key (id)=(1) already exists.");
  EXPECT_EQ(info.query, "COMMIT");
}

TEST_F(Errors, of_configure_have_the_place) {
  PooledDatabase db(config(),
                    {.min_size = 0, .max_size = 1, .timeout = 300ms, .configure = [](Connection& conn) {
                       conn.execute("SELECT nothing");
                     }});
  const ErrorInfo info = error_of<PoolTimeout>([&] { db.execute("SELECT 1"); });
  EXPECT_EQ(info.cause, "configure failed: column \"nothing\" does not exist");
  EXPECT_EQ(info.message.find('\n'), std::string::npos) << info.message;
}

/// What copg adds to the error of the statement.
template <class... Args>
std::string advice(PooledDatabase& db, const std::string& sql, const Args&... args) {
  return error_of<Error>([&] { db.execute(sql, args...); }).advice;
}

TEST_F(Errors, say_which_placeholder_needs_a_type) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE typed (id int, data jsonb)");
  EXPECT_EQ(advice(db, "SELECT jsonb_build_object('a', $1)", "x"), "Say the type of $1, as in $1::text.");
  EXPECT_EQ(advice(db, "SELECT concat($1::text, 'a') || concat($2, 'b')", "x", "y"),
            "Say the type of $2, as in $2::text.");
  EXPECT_EQ(advice(db, "SELECT $1 + $2", "1", "2"), "Say the type of $1, as in $1::text.");
  EXPECT_EQ(advice(db, "SELECT 1 FROM typed WHERE data = $1::text", "{}"),
            "Say the type of $1, as in $1::text.");
  EXPECT_EQ(advice(db, "SELECT sum((1)) , to_char($1, 'x')", "1"), "Say the type of $1, as in $1::text.");
  EXPECT_EQ(advice(db, "INSERT INTO typed (id) SELECT $1 UNION SELECT length($1)", "1"),
            "Say the type of $1, as in $1::text.");
  EXPECT_EQ(advice(db, "SELECT 1 + 'a'::text"), "");
  EXPECT_EQ(advice(db, "SELECT nothing"), "");
}

TEST_F(Errors, say_what_to_write_where_sql_takes_no_parameter) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  EXPECT_EQ(advice(db, "SET work_mem = $1", "8MB"),
            "SET takes no parameters: SELECT set_config('work_mem', $1, false).");
  EXPECT_EQ(advice(db, "SET LOCAL work_mem = $1", "8MB"),
            "SET takes no parameters: SELECT set_config('work_mem', $1, true).");
  EXPECT_EQ(advice(db, "SET SESSION app.user_id TO $1", "7"),
            "SET takes no parameters: SELECT set_config('app.user_id', $1, false).");
  EXPECT_EQ(advice(db, "SET LOCAL TIME ZONE $1", "UTC"),
            "SET takes no parameters: SELECT set_config('TimeZone', $1, true).");
  EXPECT_EQ(advice(db, "SET SESSION CHARACTERISTICS AS TRANSACTION $1", "READ ONLY"),
            "SET takes no parameters: write the value into the text; format() of the server quotes it.");
  EXPECT_EQ(advice(db, "NOTIFY jobs, $1", "new"),
            "NOTIFY takes no parameters: SELECT pg_notify(channel, payload), with $1 for either.");
  EXPECT_EQ(advice(db, "LISTEN $1", "jobs"),
            "LISTEN takes no parameters: write the name of the channel into the text.");
  EXPECT_EQ(advice(db, "CREATE DATABASE $1", "d"),
            "CREATE takes no parameters: write the value into the text; format() of the server quotes it.");
  EXPECT_EQ(advice(db, "SELECT 1 WHERE 1 IN $1", std::vector<int>{1}),
            "IN takes no list as one parameter: write = ANY($1), and give a std::vector.");
  EXPECT_EQ(advice(db, "SELECT 1 WHERE 1 not in $1", std::vector<int>{1}),
            "IN takes no list as one parameter: write <> ALL($1), and give a std::vector.");
  EXPECT_EQ(advice(db, "SELECT * FROM $1", "t"),
            "A parameter stands for a value, never for a name or a keyword.");
  EXPECT_EQ(advice(db, "SELECT %s"), "Placeholders are $1, $2, ...");
  EXPECT_EQ(advice(db, "COPY pg_class TO STDOUT"), "Use copy_in or copy_out of a pool or a Connection.");
}

TEST_F(Errors, of_a_busy_connection_give_no_advice_on_the_text) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .timeout = 100ms});
  Connection conn = db.connection();
  error_of<QueryTimeout>([&] { conn.execute("SELECT pg_sleep(2)"); });
  EXPECT_EQ(error_of<UsageError>([&] { conn.execute("SELECT $1::int", 1); }).advice, "");
  NoSink sink;
  EXPECT_EQ(error_of<UsageError>([&] { conn.copy_out("COPY pg_class TO STDOUT", sink); }).advice, "");
}

TEST_F(Errors, advice_is_the_last_hint) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  try {
    db.execute("SELECT $1 + $2", "1", "2");
    FAIL() << "it was executed";
  } catch (const QueryFailed& error) {
    EXPECT_STREQ(
        error.what(),
        "operator is not unique: unknown + unknown\n"
        "LINE 1: SELECT $1 + $2\n"
        "                  ^\n"
        "HINT: Could not choose a best candidate operator. You might need to add explicit type casts.\n"
        "HINT: Say the type of $1, as in $1::text.");
  }
}

TEST_F(Errors, a_wrong_number_of_parameters_is_refused_before_it_is_sent) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  const auto words = [&](const std::string& sql, const auto&... args) {
    return error_of<UsageError>([&] { db.execute(sql, args...); }).message;
  };
  EXPECT_EQ(words("SELECT $1", 1, 2), "the text has placeholders up to $1, but 2 parameters were given");
  EXPECT_EQ(words("SELECT $2::int", 1), "the text has placeholders up to $2, but 1 parameter was given");
  EXPECT_EQ(words("SELECT '$1' -- $2", 1), "the text has no placeholder, but 1 parameter was given");
  EXPECT_EQ(words("( SELECT $1)"), "the text has placeholders up to $1, but 0 parameters were given");
  db.execute("CREATE TABLE numbered (x int, y int)");
  EXPECT_EQ(words("INSERT INTO numbered VALUES ($1)", 1, 2),
            "the text has placeholders up to $1, but 2 parameters were given");
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*) FROM numbered"), 0);
  Connection conn = db.connection();
  Pipeline pipeline;
  pipeline.add("SELECT $1::int", 1).add("SELECT 1", 1).add("SELECT $1::int", 3);
  const std::vector<PipelineAnswer> answers = conn.execute(pipeline);
  EXPECT_TRUE(answers.at(0).has_value());
  EXPECT_THROW((void)answers.at(1).value(), UsageError);
  EXPECT_EQ(answers.at(2).value().to_value<int>(), 3);
}

TEST_F(Errors, a_row_of_many_that_does_not_fit_undoes_all) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE uneven (x int, y int)");
  UnevenRows rows;
  const ErrorInfo info =
      error_of<UsageError>([&] { db.execute_many("INSERT INTO uneven VALUES ($1, $2)", rows); });
  EXPECT_EQ(info.message, "the text has placeholders up to $2, but 1 parameter was given; nothing was kept");
  EXPECT_EQ(info.row_index, 1);
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*) FROM uneven"), 0);
}

TEST_F(Errors, placeholders_that_are_not_the_statements_are_no_ones_business) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE FUNCTION doubled(int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 2 * $1; END");
  db.execute("CREATE FUNCTION tripled(int) RETURNS int LANGUAGE sql RETURN 3 * $1");
  EXPECT_EQ(db.fetch_val<int>("SELECT doubled($1) + tripled($1)", 1), 5);
  Connection conn = db.connection();
  conn.execute("PREPARE mine(int) AS SELECT $1 + 1");
  EXPECT_EQ(conn.fetch_val<int>("EXECUTE mine(1)"), 2);
  EXPECT_EQ(conn.fetch_val<std::string>("SELECT $x$ $1 $x$"), " $1 ");
  EXPECT_EQ(conn.fetch_val<int>("WITH a$1 AS (SELECT 1 AS x) SELECT x FROM a$1"), 1);
}

TEST_F(Errors, a_commit_behind_a_statement_given_up_half_way_says_that_it_was_not_sent) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE given_up (x int)");
  {
    Connection conn = db.connection();
    conn.execute("INSERT INTO given_up VALUES (1)");
    conn.timeout(100ms);
    EXPECT_THROW(conn.execute("SELECT pg_sleep(30)"), QueryTimeout);
    const ErrorInfo info = error_of<QueryFailed>([&] { conn.commit(); });
    EXPECT_TRUE(info.message.starts_with("the transaction was not committed: a statement in it was given up"))
        << info.message;
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*) FROM given_up"), 0);
}

}  // namespace
}  // namespace copg::test
