// What a text may do to the search path and the role, by its words.
#include "sql/text_traits.hpp"

#include <gtest/gtest.h>

#include "sql/known_words.hpp"

namespace copg::sql {
namespace {

TEST(PathEffect, what_leaves_the_path_alone_has_none) {
  for (const char* sql : {"SELECT * FROM t WHERE a IN ($1) AND b = any($2)",
                          "INSERT INTO t (a, b) VALUES ($1, $2)",
                          "INSERT INTO s.t AS x (a) SELECT 1 RETURNING (a)",
                          "UPDATE t SET (role, b) = (1, 2)",
                          "WITH x (a) AS (SELECT 1), y (b) AS MATERIALIZED (SELECT 2) SELECT * FROM x, y",
                          "WITH RECURSIVE n (i) AS (VALUES (1)) TABLE n",
                          "COPY t (a, b) FROM STDIN",
                          "SELECT * FROM unnest($1, $2) AS u (a, b)",
                          "SELECT * FROM unnest($1, $2) u (a, b) WHERE (a) IN (1)",
                          "SELECT CAST($1 AS numeric(9, 2)), a::varchar(3) FROM t",
                          "SELECT pg_catalog.count(*) FROM t",
                          "SELECT set_config('app.tenant', $1, true)",
                          "SET LOCAL statement_timeout = '1s'",
                          "SET TRANSACTION READ ONLY",
                          "SET SESSION CHARACTERISTICS AS "
                          "TRANSACTION READ ONLY",
                          "SET TIME ZONE 'UTC'",
                          "RESET statement_timeout",
                          "BEGIN",
                          "COMMIT",
                          "ROLLBACK",
                          "SAVEPOINT s",
                          "RELEASE s",
                          "SELECT 'SET search_path TO x'",
                          "-- SET ROLE x\nSELECT 1",
                          "EXPLAIN (ANALYZE) SELECT count(*) FROM t",
                          "SELECT 1 AS search_path, a \"set_config\" FROM t"}) {
    EXPECT_EQ(text_traits(sql).path, PathEffect::none) << sql;
  }
}

TEST(PathEffect, a_function_that_is_not_known_may_change_it) {
  for (const char* sql :
       {"SELECT go($1)", "SELECT * FROM t WHERE mine(a)", "SELECT own.count(*) FROM t",
        "INSERT INTO t SELECT go(1)", "INSERT INTO t (a) VALUES (go($1))", "SELECT \"count\"(*) FROM t",
        "SELECT own.set_config('a.b', 'c', true)", "SELECT query_to_xml($1, true, true, '')"}) {
    EXPECT_EQ(text_traits(sql).path, PathEffect::calls) << sql;
  }
}

TEST(PathEffect, what_changes_it_is_seen_wherever_it_stands) {
  for (const char* sql : {"SET search_path TO x",
                          "set local Search_Path = x",
                          "SET SESSION search_path TO x",
                          "SET SCHEMA 'x'",
                          "SET LOCAL ROLE x",
                          "SET SESSION AUTHORIZATION x",
                          "SET LOCAL SESSION AUTHORIZATION x",
                          "SET \"search_path\" TO x",
                          "RESET ALL",
                          "RESET ROLE",
                          "RESET SESSION AUTHORIZATION",
                          "RESET search_path",
                          "DISCARD ALL",
                          "DO $$ BEGIN END $$",
                          "CALL p()",
                          "EXECUTE p",
                          "SELECT set_config('search_path', $1, true)",
                          "SELECT pg_catalog.set_config('ROLE', $1, false)",
                          "SELECT set_config($1, $2, true)",
                          "SELECT set_config('search' || '_path', $1, true)",
                          "WITH x AS (SELECT set_config('search_path', 'x', true)) TABLE x",
                          "SELECT 1; SET LOCAL search_path TO x",
                          "CREATE TEMP TABLE t (a int)",
                          "CREATE OR REPLACE TEMPORARY VIEW v AS SELECT 1",
                          "SELECT * INTO TEMP t FROM s",
                          "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"}) {
    EXPECT_EQ(text_traits(sql).path, PathEffect::changes) << sql;
  }
}

TEST(PathEffect, ddl_may_give_names_another_meaning_and_a_savepoint_may_bring_one_back) {
  for (const char* sql : {"CREATE TABLE t (a int)", "ALTER TABLE t ADD b int", "DROP VIEW v",
                          "GRANT USAGE ON SCHEMA s TO r", "SELECT * INTO t FROM s", "DISCARD TEMP"}) {
    EXPECT_EQ(text_traits(sql).path, PathEffect::defines) << sql;
  }
  for (const char* sql : {"ROLLBACK TO s", "ROLLBACK WORK TO SAVEPOINT s", "abort; ROLLBACK TO s"}) {
    EXPECT_EQ(text_traits(sql).path, PathEffect::undoes) << sql;
  }
}

TEST(PathEffect, words_are_known_in_capitals_too_and_none_that_runs_a_text_is) {
  for (const char* word : {"count", "COUNT", "Jsonb_Build_Object", "in", "VALUES"}) {
    EXPECT_TRUE(is_known_word(word)) << word;
  }
  for (const char* word : {"set_config", "query_to_xml", "table_to_xml", "ts_stat", "ts_rewrite", "", "coun",
                           "counts", "a_function_whose_name_is_as_long_as_the_server_lets_any_name_be_63"}) {
    EXPECT_FALSE(is_known_word(word)) << word;
  }
}

}  // namespace
}  // namespace copg::sql
