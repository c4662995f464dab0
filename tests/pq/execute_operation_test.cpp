// One statement against a real server: its rows, its cost, its errors, and what is left behind.
#include "pq/execute_operation.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "session.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;

class ExecuteOperation : public ::testing::Test {
 protected:
  ExecuteOperation() : connection(connect()), observer(connect()) {}

  std::string say(std::string_view sql, const Params& parameters = {}, BeginFirst begin = BeginFirst::no) {
    return execute(*connection, sql, parameters, begin).text();
  }
  SocketCalls cost_of(std::string_view sql, const Params& parameters = {},
                      BeginFirst begin = BeginFirst::no) {
    const SocketCalls before = socket_calls();
    const Outcome outcome = execute(*connection, sql, parameters, begin);
    EXPECT_FALSE(outcome.error) << outcome.error->message;
    return socket_calls() - before;
  }
  std::string named_statements() { return say("SELECT count(*) FROM pg_prepared_statements"); }

  std::unique_ptr<pq::Connection> connection;
  std::unique_ptr<pq::Connection> observer;
};

TEST_F(ExecuteOperation, every_use_of_a_statement_gives_the_same_rows_and_costs_one_send_and_one_receive) {
  for (int use = 1; use <= 6; ++use) {
    const SocketCalls cost = cost_of("SELECT $1::int + 1", params(use));
    EXPECT_EQ(cost.sends, 1) << "use " << use;
    EXPECT_EQ(cost.receives, 1) << "use " << use;
    EXPECT_EQ(say("SELECT $1::int + 1", params(use)), std::to_string(use + 1));
    EXPECT_TRUE(connection->clean());
  }
}

TEST_F(ExecuteOperation, a_statement_gets_a_name_at_its_second_use) {
  const std::string sql = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%once%'";
  EXPECT_EQ(say(sql), "0");
  EXPECT_EQ(say(sql), "1");
  EXPECT_EQ(say(sql), "1");
}

TEST_F(ExecuteOperation, a_long_text_never_gets_one) {
  const std::string sql = "SELECT 7 -- " + std::string(pq::StatementCache::max_text_bytes, 'x');
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(say(sql), "7");
  EXPECT_EQ(named_statements(), "0");
}

TEST_F(ExecuteOperation, nothing_gets_a_name_where_preparing_is_off) {
  connection = connect({.keywords = keywords_of(server()), .prepare = PrepareMode::off});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(say("SELECT $1::text", params("x")), "x");
  EXPECT_EQ(named_statements(), "0");
}

TEST_F(ExecuteOperation, begin_travels_with_each_kind_of_statement_in_one_send) {
  for (int use = 1; use <= 4; ++use) {
    const SocketCalls cost = cost_of("SELECT $1::int", params(use), BeginFirst::yes);
    EXPECT_EQ(cost.sends, 1) << "use " << use;
    EXPECT_TRUE(connection->in_transaction());
    EXPECT_TRUE(connection->protocol_idle());
    EXPECT_EQ(say("ROLLBACK"), "");
  }
  EXPECT_EQ(cost_of("SELECT 1; SELECT 2", {}, BeginFirst::yes).sends, 1);
  EXPECT_TRUE(connection->in_transaction());
}

TEST_F(ExecuteOperation, of_several_statements_the_first_rows_are_returned) {
  EXPECT_EQ(say("CREATE TEMP TABLE several (a int); INSERT INTO several VALUES (7); SELECT a FROM several; "
                "SELECT 8"),
            "7");
  EXPECT_EQ(say("SELECT a FROM several; SELECT 8", {}, BeginFirst::yes), "7");
  const Outcome none = execute(*connection, "INSERT INTO several VALUES (1), (2); DELETE FROM several");
  ASSERT_FALSE(none.error);
  EXPECT_EQ(none.result.affected_rows(), 2);
}

TEST_F(ExecuteOperation, several_statements_with_parameters_are_refused_by_the_server) {
  EXPECT_EQ(say("SELECT $1::int; SELECT 2", params(1)), "42601");
  EXPECT_TRUE(connection->clean());
}

TEST_F(ExecuteOperation, an_empty_text_gives_an_empty_result) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say(" -- nothing"), "");
  EXPECT_TRUE(connection->clean());
}

TEST_F(ExecuteOperation, an_error_of_the_server_carries_all_its_fields) {
  ASSERT_EQ(say("CREATE TEMP TABLE narrow (a int CONSTRAINT positive CHECK (a > 0))"), "");
  for (int use = 1; use <= 4; ++use) {
    const Outcome outcome = execute(*connection, "INSERT INTO narrow VALUES ($1)", params(-1));
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->kind, ErrorKind::query_failed);
    EXPECT_TRUE(is_check_violation(outcome.error->sqlstate));
    EXPECT_EQ(outcome.error->constraint_name, "positive");
    EXPECT_EQ(outcome.error->table_name, "narrow");
    EXPECT_EQ(outcome.error->severity, "ERROR");
    EXPECT_EQ(outcome.error->query, "INSERT INTO narrow VALUES ($1)");
    EXPECT_FALSE(outcome.error->detail.empty());
    EXPECT_TRUE(outcome.error->connection_survives);
    EXPECT_TRUE(connection->protocol_idle());
  }
}

TEST_F(ExecuteOperation, the_position_of_a_syntax_error_counts_in_the_users_text) {
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    const Outcome outcome = execute(*connection, "SELECT 1; SELEC 2", {}, begin);
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->statement_position, 11);
    (void)say("ROLLBACK");
  }
}

TEST_F(ExecuteOperation, an_error_at_the_second_use_leaves_no_pipeline_behind) {
  EXPECT_EQ(say("SELEC 1"), "42601");
  EXPECT_EQ(say("SELEC 1"), "42601");
  EXPECT_EQ(say("SELECT 1/$1::int", params(1)), "1");
  EXPECT_EQ(say("SELECT 1/$1::int", params(0)), "22012");
  EXPECT_EQ(say("SELECT 1/$1::int", params(1)), "1");
  EXPECT_TRUE(connection->clean());
}

TEST_F(ExecuteOperation, a_table_that_changed_under_a_prepared_statement_is_no_error) {
  ASSERT_EQ(say("CREATE TABLE IF NOT EXISTS changing (a int)"), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say("SELECT * FROM changing"), "");
  ASSERT_FALSE(execute(*observer, "ALTER TABLE changing ALTER a TYPE bigint").error);
  EXPECT_FALSE(execute(*connection, "SELECT * FROM changing").error);
  EXPECT_FALSE(execute(*connection, "SELECT * FROM changing", {}, BeginFirst::yes).error);
  ASSERT_EQ(say("COMMIT"), "");
  ASSERT_FALSE(execute(*observer, "ALTER TABLE changing ALTER a TYPE text").error);
  EXPECT_FALSE(execute(*connection, "SELECT * FROM changing", {}, BeginFirst::yes).error);
  EXPECT_TRUE(connection->in_transaction());
  EXPECT_FALSE(connection->in_failed_transaction());
  ASSERT_EQ(say("DROP TABLE changing; COMMIT"), "");
}

TEST_F(ExecuteOperation, a_dropped_type_that_a_plan_names_is_an_error_once) {
  ASSERT_EQ(say("CREATE TYPE dropped_mood AS ENUM ('ok')"), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say("SELECT 'ok'::dropped_mood"), "ok");
  ASSERT_FALSE(execute(*observer, "DROP TYPE dropped_mood").error);
  ASSERT_FALSE(execute(*observer, "CREATE TYPE dropped_mood AS ENUM ('ok')").error);
  EXPECT_EQ(say("SELECT 'ok'::dropped_mood"), "XX000");  // cache lookup failed for type
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say("SELECT 'ok'::dropped_mood"), "ok");
  EXPECT_TRUE(connection->clean());
  ASSERT_EQ(say("DROP TYPE dropped_mood"), "");
}

TEST_F(ExecuteOperation, a_changed_table_inside_a_transaction_is_reported_since_work_was_done_before) {
  ASSERT_EQ(say("CREATE TABLE IF NOT EXISTS changing2 (a int)"), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say("SELECT * FROM changing2"), "");
  ASSERT_EQ(say("BEGIN"), "");
  ASSERT_FALSE(execute(*observer, "ALTER TABLE changing2 ALTER a TYPE bigint").error);
  EXPECT_EQ(say("SELECT * FROM changing2"), "0A000");
  EXPECT_TRUE(connection->in_failed_transaction());
  ASSERT_EQ(say("ROLLBACK"), "");
  EXPECT_FALSE(execute(*connection, "SELECT * FROM changing2").error);
  ASSERT_EQ(say("DROP TABLE changing2"), "");
}

TEST_F(ExecuteOperation, a_prepared_statement_that_vanished_is_parsed_again) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say("SELECT 42"), "42");
  // Behind the cache's back, as a function may do it.
  ASSERT_EQ(say("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"), "");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(say("SELECT 42"), "42");
  ASSERT_EQ(say("DISCARD ALL"), "");
  const SocketCalls cost = cost_of("SELECT 42");
  EXPECT_EQ(cost.sends, 1) << "the cache has not noticed DISCARD ALL";
}

TEST_F(ExecuteOperation, a_prepared_statement_that_vanished_inside_a_transaction_is_told_with_a_hint) {
  ASSERT_EQ(say("CREATE OR REPLACE FUNCTION lose_names() RETURNS void LANGUAGE plpgsql AS "
                "$$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"),
            "");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(say("SELECT 42"), "42");
  ASSERT_EQ(say("SELECT lose_names()"), "");
  ASSERT_EQ(say("BEGIN"), "");
  const Outcome outcome = execute(*connection, "SELECT 42");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->sqlstate.text(), "26000");
  EXPECT_NE(outcome.error->hint.find("prepare"), std::string::npos) << outcome.error->hint;
}

TEST_F(ExecuteOperation, an_unknown_name_of_the_users_own_is_no_reason_to_run_a_statement_twice) {
  ASSERT_EQ(say("CREATE TEMP SEQUENCE runs; "
                "CREATE FUNCTION pg_temp.trip() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
                "PERFORM nextval('runs'); EXECUTE 'EXECUTE nothing'; END $$"),
            "");
  for (int use = 1; use <= 4; ++use) EXPECT_EQ(say("SELECT pg_temp.trip()"), "26000");
  EXPECT_EQ(say("SELECT last_value FROM runs"), "4");
}

TEST_F(ExecuteOperation, a_plan_that_a_function_finds_stale_is_no_reason_to_run_a_statement_twice) {
  ASSERT_EQ(say("CREATE TEMP SEQUENCE runs; CREATE TEMP TABLE inner_table (a int);"
                "PREPARE inner_plan AS SELECT * FROM inner_table;"
                "CREATE FUNCTION pg_temp.trip(calls bool) RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
                "PERFORM nextval('runs'); IF calls THEN EXECUTE 'EXECUTE inner_plan'; END IF; END $$"),
            "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(say("SELECT pg_temp.trip($1)", params(true)), "");
  ASSERT_EQ(say("ALTER TABLE inner_table ALTER a TYPE bigint"), "");
  EXPECT_EQ(say("SELECT pg_temp.trip($1)", params(true)), "0A000");
  EXPECT_EQ(say("SELECT last_value FROM runs"), "4");
}

TEST_F(ExecuteOperation, names_on_the_server_are_bounded_however_many_texts_one_lease_uses) {
  constexpr std::size_t most = pq::StatementCache::capacity + pq::StatementCache::max_orphans;
  constexpr int texts = static_cast<int>(most) + 100;
  ASSERT_EQ(say("BEGIN"), "");
  for (int i = 0; i < texts; ++i) {
    const std::string sql = "SELECT " + std::to_string(i);
    for (int use = 0; use < 2; ++use) EXPECT_EQ(say(sql), std::to_string(i));
  }
  EXPECT_LE(std::stoul(named_statements()), most);
  for (int i = texts - 10; i < texts; ++i)
    EXPECT_EQ(say("SELECT " + std::to_string(i)), std::to_string(i)) << "without a name";
  ASSERT_EQ(say("ROLLBACK"), "");
  EXPECT_FALSE(connection->clean()) << "nobody will drop what it is littered with";
}

TEST_F(ExecuteOperation, copy_is_a_usage_error_and_the_connection_goes_on) {
  ASSERT_EQ(say("CREATE TEMP TABLE copied (a int); INSERT INTO copied SELECT generate_series(1, 100000)"),
            "");
  for (const char* sql :
       {"COPY copied FROM STDIN", "COPY copied TO STDOUT", "SELECT 1; COPY copied TO STDOUT"}) {
    for (int use = 1; use <= 3; ++use) {
      for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
        const Outcome outcome = execute(*connection, sql, {}, begin);
        ASSERT_TRUE(outcome.error) << sql;
        EXPECT_EQ(outcome.error->kind, ErrorKind::usage);
        EXPECT_TRUE(outcome.error->connection_survives);
        ASSERT_TRUE(connection->protocol_idle()) << sql;
        EXPECT_FALSE(execute(*connection, "ROLLBACK").error);
        EXPECT_EQ(say("SELECT 1"), "1");
      }
    }
  }
}

TEST_F(ExecuteOperation, a_nul_in_the_text_is_a_usage_error_and_nothing_is_sent) {
  const SocketCalls before = socket_calls();
  const Params none;
  pq::ExecuteOperation operation(*connection, std::string_view("SELECT 1\0", 9), none);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->kind, ErrorKind::usage);
  EXPECT_FALSE(operation.first_bytes_sent());
  EXPECT_EQ((socket_calls() - before).sends, 0);
  EXPECT_TRUE(connection->clean());
}

TEST_F(ExecuteOperation, a_text_of_a_gibibyte_is_refused_since_the_server_would_close_the_connection) {
  const std::string large(std::size_t{1} << 30, ' ');
  const Outcome outcome = execute(*connection, large);
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->kind, ErrorKind::data);
  EXPECT_TRUE(outcome.error->connection_survives);
  EXPECT_EQ(say("SELECT 1"), "1");
}

TEST_F(ExecuteOperation, large_parameters_and_large_results_pass_both_ways) {
  const std::string large(32 * 1024 * 1024, 'x');
  EXPECT_EQ(say("SELECT length($1)", params(large)), std::to_string(large.size()));
  EXPECT_EQ(say("SELECT $1::text", params(large)).size(), large.size());
  const Outcome rows = execute(*connection, "SELECT repeat('y', 100) FROM generate_series(1, 200000)");
  EXPECT_EQ(rows.result.size(), 200000U);
}

TEST_F(ExecuteOperation, a_backend_that_is_terminated_fails_the_statement_and_the_connection) {
  const Params none;
  pq::ExecuteOperation operation(*connection, "SELECT pg_sleep(60)", none);
  ASSERT_FALSE(operation.advance(pq::Ready::none).done);
  EXPECT_TRUE(operation.first_bytes_sent());
  ASSERT_EQ(execute(*observer, "SELECT pg_terminate_backend($1)", params(connection->backend_pid())).text(),
            "t");
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->kind, ErrorKind::connection_failed);
  EXPECT_EQ(operation.error()->sqlstate.text(), "57P01");
  EXPECT_FALSE(operation.error()->connection_survives);
  EXPECT_FALSE(connection->alive());
}

TEST_F(ExecuteOperation, a_commit_on_a_dead_socket_is_in_doubt_but_a_select_is_lost) {
  for (const bool commit : {true, false}) {
    connection = connect();
    shutdown(connection->fd(), SHUT_RD);
    const Outcome outcome = execute(*connection, commit ? "SELECT 1; COMMIT" : "SELECT 1");
    ASSERT_TRUE(outcome.error);
    EXPECT_EQ(outcome.error->kind, commit ? ErrorKind::commit_unknown : ErrorKind::connection_failed);
    EXPECT_FALSE(connection->alive());
  }
}

TEST_F(ExecuteOperation, on_a_dead_connection_nothing_is_sent) {
  connection->mark_dead();
  const Params none;
  pq::ExecuteOperation operation(*connection, "COMMIT", none);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->kind, ErrorKind::connection_failed);
  EXPECT_FALSE(operation.first_bytes_sent());
}

TEST_F(ExecuteOperation, a_dropped_operation_leaves_the_connection_busy) {
  {
    const Params none;
    pq::ExecuteOperation operation(*connection, "SELECT pg_sleep(60)", none);
    ASSERT_FALSE(operation.advance(pq::Ready::none).done);
  }
  EXPECT_FALSE(connection->protocol_idle());
  EXPECT_EQ(execute(*connection, "SELECT 1").error->kind, ErrorKind::usage);
}

TEST_F(ExecuteOperation, a_statement_that_changes_the_session_makes_it_unclean) {
  for (const char* sql :
       {"SET work_mem = '1MB'", "LISTEN x", "SELECT pg_advisory_lock(1)", "CREATE TEMP TABLE x (a int)"}) {
    connection = connect();
    for (int use = 1; use <= 2; ++use) (void)execute(*connection, sql);
    EXPECT_FALSE(connection->clean()) << sql;
  }
}

}  // namespace
}  // namespace copg::test
