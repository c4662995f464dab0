// What the scanner finds in SQL text.
#include "sql/text_traits.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace copg::sql {
namespace {

bool several(std::string_view sql) { return text_traits(sql).several; }

TEST(SqlText, one_statement_is_one_whatever_stands_around_it) {
  EXPECT_FALSE(several(""));
  EXPECT_FALSE(several("SELECT 1"));
  EXPECT_FALSE(several("SELECT 1;"));
  EXPECT_FALSE(several(" ; ;; SELECT 1 ; ; -- done;\n ; /* over; */ "));
}

TEST(SqlText, two_statements_are_several) {
  EXPECT_TRUE(several("SELECT 1; SELECT 2"));
  EXPECT_TRUE(several("SELECT 1;SELECT 2;"));
  EXPECT_TRUE(several(";SELECT 1;;SELECT 2"));
}

TEST(SqlText, a_semicolon_in_quotes_ends_nothing) {
  EXPECT_FALSE(several("SELECT 'a;b'"));
  EXPECT_FALSE(several("SELECT 'it''s; so'"));
  EXPECT_FALSE(several("SELECT E'it\\'s; so'"));
  EXPECT_FALSE(several("SELECT \"a;b\" FROM t"));
  EXPECT_FALSE(several("SELECT $$a;b$$, $x$a;$$;b$x$"));
  EXPECT_FALSE(several("SELECT U&'a;b', B'01;', N'x;'"));
}

TEST(SqlText, a_backslash_ends_no_string_but_an_escape_string_may_hold_it) {
  EXPECT_TRUE(several("SELECT 'a\\'; SELECT 1"));
  EXPECT_FALSE(several("SELECT e'a\\\\\\'; SELECT 1'"));
  EXPECT_TRUE(several("SELECT note'a\\'; SELECT 1"));
}

TEST(SqlText, an_escape_string_that_goes_on_in_another_line_may_hold_backslashes_there_too) {
  EXPECT_FALSE(several("SELECT E'a'\n'b\\'; c'"));
  EXPECT_FALSE(several("SELECT e'a' \t\r\n 'b\\\\' -- it's one\n\n'c\\'; d'"));
  EXPECT_TRUE(several("SELECT E'a' -- one\r'b\\\\'; SELECT 1"));
  EXPECT_FALSE(several("SELECT E'it''s'\n'b\\'; c'"));
  EXPECT_TRUE(several("SELECT E'a'\n'b\\\\'; SELECT 'c'"));
}

TEST(SqlText, a_string_is_no_part_of_the_one_before_it_unless_a_line_ends_between_them) {
  EXPECT_TRUE(several("SELECT E'a' 'b\\'; SELECT 1"));
  EXPECT_TRUE(several("SELECT E'a' /* one\n */ 'b\\'; SELECT 1"));
  EXPECT_TRUE(several("SELECT E'a'\n, 'b\\'; SELECT 1"));
  EXPECT_TRUE(several("SELECT E'a'\n\"b\\\"; SELECT 1"));
  EXPECT_TRUE(several("SELECT 'a'\n'b\\'; SELECT 1"));
  EXPECT_TRUE(several("SELECT U&'a'\n'b\\'; SELECT 1"));
  EXPECT_FALSE(several("SELECT E'a'\n -- 'b\\'; SELECT 1"));
}

TEST(SqlText, a_semicolon_in_a_comment_ends_nothing) {
  EXPECT_FALSE(several("SELECT 1 -- ; SELECT 2\n + 3"));
  EXPECT_FALSE(several("SELECT 1 -- ; SELECT 2"));
  EXPECT_FALSE(several("SELECT 1 /* ; /* ; */ ; */ + 2"));
  EXPECT_TRUE(several("SELECT 1 /* x */ ; SELECT 2"));
}

TEST(SqlText, a_carriage_return_ends_a_comment_as_a_newline_does) {
  EXPECT_TRUE(several("SELECT 1 -- one\r; SELECT 2"));
  EXPECT_EQ(text_traits("-- of today\rSET role TO app").effect, text_traits("SET role TO app").effect);
}

TEST(SqlText, parameters_and_identifiers_with_dollars_open_no_dollar_quote) {
  EXPECT_TRUE(several("SELECT $1; SELECT $1"));
  EXPECT_TRUE(several("SELECT a$b$ FROM t; SELECT a$b$ FROM t"));
}

TEST(SqlText, what_only_reads_is_told_from_its_words) {
  for (const char* sql :
       {"SELECT 1", "select name from users where id = $1 -- by id", "/* all */ VALUES (1), (2)",
        "TABLE users", "WITH u AS (SELECT * FROM users) SELECT count(*) FROM u",
        "SELECT coalesce(max(n), 0) FROM t;", "SELECT 'INSERT INTO t', \"delete\" FROM t"}) {
    EXPECT_TRUE(text_traits(sql).reads) << sql;
    EXPECT_FALSE(text_traits(sql).writes) << sql;
  }
}

TEST(SqlText, what_may_wait_for_a_lock_of_a_row_writes) {
  for (const char* sql :
       {"INSERT INTO t VALUES (1)", "update t set n = 1", "DELETE FROM t",
        "MERGE INTO t USING s ON true WHEN MATCHED THEN DO NOTHING", "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t FOR NO KEY UPDATE", "SELECT * FROM t FOR KEY SHARE",
        "WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone",
        "WITH x AS (INSERT INTO t VALUES (1) RETURNING n) TABLE x", "SELECT book_a_seat($1)",
        "SELECT \"Book\"(1)"}) {
    EXPECT_TRUE(text_traits(sql).writes) << sql;
    EXPECT_FALSE(text_traits(sql).reads) << sql;
  }
}

TEST(SqlText, what_keeps_something_or_sleeps_neither_reads_nor_writes) {
  for (const char* sql : {"",
                          "BEGIN",
                          "COMMIT",
                          "SET search_path TO x",
                          "LISTEN news",
                          "LOCK TABLE t",
                          "DECLARE c CURSOR FOR SELECT 1",
                          "SELECT pg_sleep(1)",
                          "SELECT pg_advisory_lock(1)",
                          "SELECT Pg_Try_Advisory_Lock(1)",
                          "SELECT * INTO kept FROM t",
                          "WITH x AS (SELECT 1) SELECT * INTO kept FROM x",
                          "CREATE TABLE t ()",
                          "DO $$ BEGIN END $$",
                          "CALL p()",
                          "COPY t TO STDOUT",
                          "EXPLAIN SELECT 1",
                          "SELECT 1; SELECT 2",
                          "PREPARE p AS SELECT 1",
                          "SELECT set_config('x.y', 'z', false)"}) {
    EXPECT_FALSE(text_traits(sql).reads) << sql;
    EXPECT_FALSE(text_traits(sql).writes) << sql;
  }
}

TEST(SqlText, a_function_of_a_schema_is_not_the_servers) {
  EXPECT_TRUE(text_traits("SELECT lower('A')").reads);
  EXPECT_TRUE(text_traits("SELECT app.lower('A')").writes);
  EXPECT_TRUE(text_traits("SELECT t.x FROM app.t WHERE lower(t.x) IN ('a')").reads);
}

TEST(SqlText, a_rule_with_several_actions_is_one_statement) {
  EXPECT_FALSE(several("CREATE RULE r AS ON INSERT TO t DO ALSO (INSERT INTO u VALUES (1); SELECT 2)"));
}

TEST(SqlText, a_function_with_an_sql_body_is_one_statement) {
  EXPECT_FALSE(
      several("CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true "
              "THEN 1 ELSE 2 END; END"));
  EXPECT_TRUE(several("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END; SELECT f()"));
  EXPECT_TRUE(several("BEGIN; SELECT 1; END"));
}

TEST(SqlText, copy_is_seen_where_a_statement_starts_and_only_there) {
  EXPECT_TRUE(text_traits("  /* load */ copy t FROM STDIN").copies);
  EXPECT_TRUE(text_traits("SELECT 1; COPY t TO STDOUT").copies);
  EXPECT_FALSE(text_traits("SELECT copy FROM t").copies);
  EXPECT_FALSE(text_traits("SELECT 'x; COPY'").copies);
}

TEST(SqlText, commit_and_end_are_seen_where_a_statement_starts_and_only_there) {
  EXPECT_TRUE(text_traits("commit").commits);
  EXPECT_TRUE(text_traits("UPDATE t SET a = 1; END").commits);
  EXPECT_FALSE(text_traits("SELECT CASE WHEN true THEN 1 END").commits);
}

TEST(SqlText, what_may_begin_or_end_a_transaction_is_seen_by_its_first_word) {
  for (const char* sql : {"BEGIN", "start transaction", "/* */ Commit", "END", "rollback to savepoint a",
                          "ABORT", "PREPARE TRANSACTION 'x'", "SELECT 1; COMMIT"}) {
    EXPECT_TRUE(text_traits(sql).transacts) << sql;
  }
  for (const char* sql :
       {"SELECT begin FROM t", "SAVEPOINT a", "UPDATE commit SET a = 1", "SELECT 'COMMIT'"}) {
    EXPECT_FALSE(text_traits(sql).transacts) << sql;
  }
}

TEST(SqlText, read_only_is_seen_in_its_two_spellings) {
  EXPECT_TRUE(text_traits("BEGIN ISOLATION LEVEL SERIALIZABLE, read  only").says_read_only);
  EXPECT_TRUE(text_traits("SET default_transaction_read_only = on").says_read_only);
  EXPECT_FALSE(text_traits("SELECT read, only FROM t").says_read_only);
}

TEST(SqlText, random_text_never_leads_out_of_bounds) {
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same texts each time
  constexpr std::string_view letters = "'\"$;-/*\\eE(). \na1BEGIN";
  for (int i = 0; i < 20000; ++i) {
    std::string text(random() % 40, ' ');
    for (char& c : text) c = letters[random() % letters.size()];
    // On the heap and as long as the text, so that the address sanitizer sees a step too far.
    const std::string exact(text.begin(), text.end());
    (void)text_traits(std::string_view(exact.data(), exact.size()));
  }
}

TEST(SqlText, a_write_without_returning_has_no_rows) {
  const auto rowless = [](std::string_view sql) { return text_traits(sql).rowless; };
  EXPECT_TRUE(rowless("INSERT INTO t VALUES (1)"));
  EXPECT_TRUE(rowless("/* one */ update t SET \"returning\" = 'RETURNING x';"));
  EXPECT_TRUE(rowless("CREATE TABLE t AS SELECT 1"));
  EXPECT_FALSE(rowless("INSERT INTO t VALUES (1) RETURNING x"));
  EXPECT_FALSE(rowless("DELETE FROM t returning *"));
  EXPECT_FALSE(rowless("INSERT INTO t VALUES (1); SELECT 1"));
  EXPECT_FALSE(rowless("WITH w AS (DELETE FROM t) SELECT"));
  for (const char* sql :
       {"SELECT 1", "(SELECT 1)", "VALUES (1)", "TABLE t", "CALL p()", "EXECUTE p", "FETCH c",
        "SHOW work_mem", "EXPLAIN DELETE FROM t", "EXPLAIN ANALYZE INSERT INTO t VALUES (1)", "", "nonsense"})
    EXPECT_FALSE(rowless(sql)) << sql;
}

TEST(SqlText, a_copy_with_the_client_is_told_from_one_with_a_file) {
  const auto in = [](std::string_view sql) { return text_traits(sql).copies_in; };
  const auto out = [](std::string_view sql) { return text_traits(sql).copies_out; };
  for (const char* sql : {"COPY t FROM STDIN", "copy t (a, b) from stdin (FORMAT csv)", "COPY t FROM STDOUT",
                          "SELECT 1; COPY \"to\" FROM /* here */ STDIN WHERE a > 1"}) {
    EXPECT_TRUE(in(sql)) << sql;
    EXPECT_FALSE(out(sql)) << sql;
  }
  for (const char* sql : {"COPY t TO STDOUT", "COPY (SELECT a FROM stdin) TO STDOUT", "COPY t TO stdin;",
                          "COPY (INSERT INTO t VALUES (1) RETURNING a) TO STDOUT; SELECT 1"}) {
    EXPECT_TRUE(out(sql)) << sql;
    EXPECT_FALSE(in(sql)) << sql;
  }
  for (const char* sql : {"COPY t FROM 'stdin'", "COPY t TO PROGRAM 'stdout'", "SELECT a FROM stdin",
                          "COPY t FROM '/f' WHERE stdin", "COPY t FROM"}) {
    EXPECT_FALSE(in(sql) || out(sql)) << sql;
  }
}

}  // namespace
}  // namespace copg::sql
