// What a statement's text and command tag say about the session it leaves behind.
#include "pq/session_state.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sql/text_traits.hpp"

namespace copg::pq {
namespace {

std::string name_of(sql::TextEffect effect) {
  switch (effect) {
    case sql::TextEffect::none: return "none";
    case sql::TextEffect::touches: return "touches";
    case sql::TextEffect::permanent: return "permanent";
  }
  return "";
}

void expect_effect(sql::TextEffect expected, const std::vector<std::string_view>& texts) {
  for (const std::string_view text : texts) {
    EXPECT_EQ(name_of(sql::text_traits(text).effect), name_of(expected)) << text;
  }
}

bool changed_by(std::string_view tag, std::string_view text) {
  SessionState state;
  state.note(tag, sql::text_traits(text).effect);
  return state.changed();
}

TEST(SessionState, ordinary_statements_leave_the_session_as_it_was) {
  expect_effect(sql::TextEffect::none,
                {
                    "",
                    "   ",
                    ";",
                    "SELECT 1",
                    "SELECT id, name FROM users WHERE id = $1",
                    "INSERT INTO readings (at, temp) VALUES (now(), $1)",
                    "INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
                    "UPDATE users SET name = $1 WHERE id = $2",
                    "UPDATE users SET name = $1 WHERE id = $2;",
                    "UPDATE users SET name = $1 ; \n",
                    "WITH moved AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM moved",
                    "ALTER ROLE alice SET work_mem = '64MB'",
                    "CREATE TABLE users (id int)",
                    "CREATE INDEX ON readings (at)",
                    "SELECT temp FROM readings",
                    "SELECT pg_advisory_xact_lock(1)",
                    "SELECT pg_try_advisory_xact_lock_shared(1)",
                    "SELECT pg_advisory_unlock(1)",
                    "SELECT hold FROM orders",
                    "DECLARE c CURSOR FOR SELECT 1",
                    "SELECT dataset, offset_set, reset_config FROM t",
                    "SELECT my_pg_advisory_lock FROM t",
                });
}

TEST(SessionState, what_ends_with_the_transaction_is_no_change) {
  expect_effect(sql::TextEffect::none,
                {
                    "SET LOCAL work_mem = '64MB'",
                    "set\n local work_mem = '64MB'",
                    "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
                    "SET CONSTRAINTS ALL DEFERRED",
                    "/* a /* nested */ note */ -- and another\n SET LOCAL x.y = 'update'",
                    "SELECT set_config('app.user', $1, true)",
                    "SELECT pg_catalog.set_config ( 'app.user' , lower($1), TRUE )",
                    "SELECT set_config('app.user', 'it''s (fine), or so', true), 1",
                    "BEGIN; SET LOCAL x.y = 1; SELECT 1; COMMIT",
                });
}

TEST(SessionState, what_outlives_the_transaction_is_a_change) {
  expect_effect(sql::TextEffect::touches, {
                                              "SET search_path = private",
                                              "set session time zone 'UTC'",
                                              "SET ROLE alice",
                                              "-- tenant\nSET search_path = a",
                                              "/* update /* nested */ */ SET search_path = a",
                                              "SET application_name = 'update job'",
                                              "SELECT 1; SET x.y = 1",
                                              "UPDATE t SET local = 1; SET x.y = 1",
                                              ";SET x.y = 1",
                                              "SELECT set_config('app.user', $1, false)",
                                              "SELECT set_config('app.user', $1, $2)",
                                              "SELECT set_config('app.user', 'true', false)",
                                              "SELECT SET_CONFIG('a.b', 'x', 'f'), true",
                                              "SELECT set_config('a.b', $$,true)$$, false)",
                                              "SELECT set_config('a.b', E'\\',true)', false)",
                                              "SELECT set_config('a.b', 'x' /* ,true) */, false)",
                                              "select PG_ADVISORY_LOCK(7)",
                                              "SELECT pg_advisory_lock_shared(1, 2)",
                                              "SELECT pg_catalog.pg_try_advisory_lock(7)",
                                              "SELECT \"pg_advisory_lock\"(7)",
                                              "CREATE TEMP TABLE t (id int)",
                                              "CREATE TEMPORARY TABLE t AS SELECT 1",
                                              "create local temp sequence s",
                                              "CREATE OR REPLACE /* x */ TEMP VIEW v AS SELECT 1",
                                              "CREATE TABLE pg_temp.t (id int)",
                                              "SELECT 1 AS n INTO TEMP t",
                                              "SELECT 1 AS n INTO /* x */ TEMPORARY TABLE t",
                                              "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
                                          });
}

TEST(SessionState, what_no_wipe_undoes_ends_the_connection) {
  expect_effect(sql::TextEffect::permanent, {
                                                "SELECT setseed(0.5)",
                                                "SELECT dblink_connect('a', $1)",
                                                "SELECT pg_replication_origin_session_setup('o')",
                                                "SELECT pg_create_logical_replication_slot('s', 'p', true)",
                                                "SET x.y = 1; SELECT setseed(0.5)",
                                            });
  SessionState state;
  state.note("LOAD", sql::text_traits("LOAD 'auto_explain'").effect);
  EXPECT_TRUE(state.beyond_wiping());
}

TEST(SessionState, the_command_tag_tells_what_the_text_does_not) {
  EXPECT_TRUE(changed_by("LISTEN", "LISTEN news"));
  EXPECT_TRUE(changed_by("DO", "DO $$ BEGIN PERFORM f(); END $$"));
  EXPECT_TRUE(changed_by("CALL", "CALL p()"));
  EXPECT_TRUE(changed_by("RESET", "RESET ALL"));
  EXPECT_TRUE(changed_by("PREPARE", "PREPARE p AS SELECT 1"));
  EXPECT_TRUE(changed_by("DISCARD ALL", "DISCARD ALL"));
  EXPECT_FALSE(changed_by("PREPARE TRANSACTION", "PREPARE TRANSACTION 'x'"));
  EXPECT_FALSE(changed_by("SET", "SET LOCAL a.b = 1"));
  EXPECT_FALSE(changed_by("BEGIN", "BEGIN"));
  EXPECT_FALSE(changed_by("SELECT 5", "SELECT 1"));
  EXPECT_FALSE(changed_by("COPY 5", "COPY t FROM STDIN"));
  EXPECT_FALSE(changed_by("NOTIFY", "NOTIFY news"));
}

TEST(SessionState, a_statement_that_failed_may_have_taken_a_session_lock) {
  EXPECT_TRUE(changed_by("", "SELECT pg_advisory_lock(1), 1 / 0"));
  EXPECT_FALSE(changed_by("", "SELECT 1 / 0"));
}

TEST(SessionState, statements_prepared_by_the_user_are_remembered_until_they_are_gone) {
  SessionState state;
  state.note("PREPARE", sql::TextEffect::none);
  EXPECT_TRUE(state.prepared_in_sql());
  EXPECT_FALSE(state.prepared_statements_gone());
  state.note("DEALLOCATE ALL", sql::TextEffect::none);
  EXPECT_FALSE(state.prepared_in_sql());
  EXPECT_TRUE(state.prepared_statements_gone());
  state.prepared_statements_forgotten();
  EXPECT_FALSE(state.prepared_statements_gone());
}

TEST(SessionState, to_take_away_what_was_set_up_after_connecting_is_a_change) {
  for (const char* taken : {"DEALLOCATE", "DEALLOCATE ALL", "DISCARD TEMP", "UNLISTEN"}) {
    SessionState state;
    state.note("PREPARE", sql::TextEffect::none);
    state.set_configured(nullptr);
    EXPECT_FALSE(state.changed());
    state.note(taken, sql::TextEffect::none);
    EXPECT_TRUE(state.changed()) << taken;
  }
}

TEST(SessionState, without_statements_of_the_users_to_deallocate_all_is_no_change) {
  EXPECT_FALSE(changed_by("DEALLOCATE ALL", "DEALLOCATE ALL"));
}

}  // namespace
}  // namespace copg::pq
