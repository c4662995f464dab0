// One text, several schemas: a prepared name belongs to the search path and the role that it was parsed
// under, whichever way they were changed. Against a real server.
#include <gtest/gtest.h>
#include <copg/params.hpp>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline.hpp"
#include "pq/reset_operation.hpp"
#include "pq/transaction_operation.hpp"
#include "session.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;

/// One table for each tenant, no two alike in number and type of columns.
constexpr const char* tables =
    "DROP SCHEMA IF EXISTS one, two CASCADE; CREATE SCHEMA one; CREATE SCHEMA two;"
    "CREATE TABLE one.t (a int); INSERT INTO one.t VALUES (1);"
    "CREATE TABLE two.t (a text, b date); INSERT INTO two.t VALUES ('two', '2026-01-02');"
    "DROP TABLE IF EXISTS public.t; CREATE TABLE public.t (a bool); INSERT INTO public.t VALUES (true);";

class SearchPath : public ::testing::Test {
 protected:
  SearchPath() : connection(connect()) {
    std::ignore = execute(*connection, "SET client_min_messages = error");
    EXPECT_EQ(say(tables), "");
    EXPECT_EQ(say("RESET client_min_messages"), "");
    reset();
  }

  std::string say(std::string_view sql, const Params& parameters = {}, BeginFirst begin = BeginFirst::no) {
    const Outcome outcome = execute(*connection, sql, parameters, begin);
    if (outcome.error) return outcome.error->sqlstate.text() + " " + outcome.error->message;
    return outcome.text();
  }
  /// The text whose meaning is in question.
  std::string ask() { return say("SELECT * FROM t"); }
  void ask_until_named() {
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
    EXPECT_EQ(names(), "1");
  }
  std::string names() {
    return say("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT * FROM t'");
  }
  void finish(pq::TransactionCommand command) {
    pq::TransactionOperation operation(*connection, command);
    run(operation);
    EXPECT_EQ(operation.error(), nullptr);
  }
  void commit() { finish(pq::TransactionCommand::commit); }
  void reset(ResetMode mode = ResetMode::tracked) {
    pq::ResetOperation operation(*connection, mode);
    run(operation);
    EXPECT_EQ(operation.error(), nullptr);
    connection->lease_begins();
  }
  /// In a transaction in which something has run already, so that nothing can be sent again.
  void begin() { EXPECT_EQ(say("SELECT 1", {}, BeginFirst::yes), "1"); }
  bool reports_search_path() { return !connection->parameter_status("search_path").empty(); }

  std::unique_ptr<pq::Connection> connection;
};

struct Change {
  const char* name;
  std::function<std::string(pq::Connection&, const std::string&)> to;
};

std::string text_of(pq::Connection& connection, const std::string& sql, const Params& parameters = {}) {
  return execute(connection, sql, parameters).text();
}

/// Ways to go to a schema for the rest of a transaction.
const std::vector<Change>& ways() {
  using C = pq::Connection;
  using S = std::string;
  static const std::vector<Change> all = {
      {"SET LOCAL", [](C& c, const S& s) { return text_of(c, "SET LOCAL search_path TO " + s); }},
      {"SET LOCAL of several",
       [](C& c, const S& s) { return text_of(c, "/* x */ set local Search_Path = " + s + ", public"); }},
      {"SET SCHEMA", [](C& c, const S& s) { return text_of(c, "SET LOCAL SCHEMA '" + s + "'"); }},
      {"set_config with a parameter",
       [](C& c, const S& s) { return text_of(c, "SELECT set_config('search_path', $1, true)", params(s)); }},
      {"set_config with the name as a parameter",
       [](C& c, const S& s) {
         return text_of(c, "SELECT set_config($1, $2, true)", params("search_path", s));
       }},
      {"set_config of two settings",
       [](C& c, const S& s) {
         return text_of(c,
                        "SELECT pg_catalog.set_config('app.tenant', $1, true) AS tenant, "
                        "set_config('search_path', $1, true)",
                        params(s));
       }},
      {"set_config of an expression",
       [](C& c, const S& s) {
         return text_of(c, "SELECT set_config('search_path', $1 || ', public', true)", params(s));
       }},
      {"set_config somewhere",
       [](C& c, const S& s) {
         return text_of(c, "WITH x AS (SELECT set_config('search_path', $1, true)) SELECT * FROM x",
                        params(s));
       }},
      {"several statements",
       [](C& c, const S& s) { return text_of(c, "SELECT 1; SET LOCAL search_path TO " + s); }},
      {"DO",
       [](C& c, const S& s) {
         return text_of(c, "DO $$ BEGIN PERFORM set_config('search_path', '" + s + "', true); END $$");
       }},
      {"CALL", [](C& c, const S& s) { return text_of(c, "CALL public.go_to($1)", params(s)); }},
      {"a function", [](C& c, const S& s) { return text_of(c, "SELECT public.be_in($1)", params(s)); }},
      {"a session's SET", [](C& c, const S& s) { return text_of(c, "SET search_path TO " + s); }},
      {"a session's set_config",
       [](C& c, const S& s) { return text_of(c, "SELECT set_config('search_path', $1, false)", params(s)); }},
  };
  return all;
}

constexpr const char* helpers =
    "CREATE OR REPLACE PROCEDURE public.go_to(s text) LANGUAGE plpgsql AS "
    "$$ BEGIN PERFORM set_config('search_path', s, true); END $$;"
    "CREATE OR REPLACE FUNCTION public.be_in(s text) RETURNS text LANGUAGE plpgsql AS "
    "$$ BEGIN RETURN set_config('search_path', s, true); END $$";

TEST_F(SearchPath, a_text_means_what_it_means_on_the_path_that_is_in_force) {
  ASSERT_EQ(say(helpers), "");
  for (const Change& way : ways()) {
    SCOPED_TRACE(way.name);
    for (int turn = 1; turn <= 3; ++turn) {
      for (const auto& [schema, expected] : {std::pair{"one", "1"}, {"two", "two"}, {"one", "1"}}) {
        begin();
        way.to(*connection, schema);
        for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), expected) << "turn " << turn << ", use " << use;
        commit();
        if (!connection->clean()) reset();
      }
      for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t") << "outside";
      begin();
      for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t") << "in a transaction of its own";
      finish(pq::TransactionCommand::rollback);
    }
  }
}

TEST_F(SearchPath, what_is_undone_is_not_in_force) {
  ask_until_named();
  begin();
  ASSERT_EQ(say("SAVEPOINT s"), "");
  ASSERT_EQ(say("SET LOCAL search_path TO one"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "1");
  ASSERT_EQ(say("ROLLBACK TO SAVEPOINT s"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
  ASSERT_EQ(say("SET search_path TO one"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "1");
  ASSERT_EQ(say("ROLLBACK AND CHAIN"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
  ASSERT_EQ(say("SET LOCAL search_path TO one"), "");
  EXPECT_EQ(ask(), "1");
  ASSERT_EQ(say("COMMIT; BEGIN"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
  commit();
}

TEST_F(SearchPath, a_commit_that_fails_undoes_it_too) {
  ASSERT_EQ(say("CREATE TABLE IF NOT EXISTS public.late (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)"), "");
  ask_until_named();
  for (const bool by_operation : {true, false}) {
    begin();
    ASSERT_EQ(say("SET search_path TO one"), "");
    ASSERT_EQ(say("INSERT INTO public.late VALUES (1), (1)"), "");
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "1");
    if (by_operation) {
      pq::TransactionOperation operation(*connection, pq::TransactionCommand::commit);
      run(operation);
      EXPECT_NE(operation.error(), nullptr);
    } else {
      EXPECT_EQ(say("COMMIT").substr(0, 5), "23505");
    }
    begin();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
    finish(pq::TransactionCommand::rollback);
  }
}

TEST_F(SearchPath, what_a_session_sets_lasts_until_it_is_wiped) {
  ask_until_named();
  for (const char* set : {"SET search_path TO one", "SELECT set_config('search_path', 'one', false)"}) {
    std::ignore = say(set);
    for (int turn = 1; turn <= 2; ++turn) {
      for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "1");
      begin();
      for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "1");
      commit();
    }
    std::ignore = say("RESET search_path");
    begin();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
    commit();
    std::ignore = say(set);
    begin();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "1");
    commit();
    reset();
    begin();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
    commit();
  }
}

TEST_F(SearchPath, where_no_session_is_wiped_what_it_has_set_is_still_known) {
  ask_until_named();
  for (const auto& [schema, expected] : {std::pair{"one", "1"}, {"two", "two"}, {"one", "1"}}) {
    begin();
    ASSERT_EQ(say(std::string("SET search_path TO ") + schema), "");
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), expected);
    commit();
    reset(ResetMode::rollback);
    begin();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), expected) << "in the next lease";
    commit();
  }
}

TEST_F(SearchPath, the_role_is_part_of_the_path) {
  ASSERT_EQ(say("DROP SCHEMA IF EXISTS tenant_one, tenant_two CASCADE"), "");
  ASSERT_EQ(say("DO $$ BEGIN CREATE ROLE tenant_one; CREATE ROLE tenant_two; "
                "EXCEPTION WHEN duplicate_object THEN NULL; END $$"),
            "");
  ASSERT_EQ(say("CREATE SCHEMA AUTHORIZATION tenant_one; CREATE SCHEMA AUTHORIZATION tenant_two;"
                "CREATE TABLE tenant_one.t AS SELECT 1 AS a; CREATE TABLE tenant_two.t AS SELECT 'two' AS a;"
                "GRANT SELECT ON ALL TABLES IN SCHEMA tenant_one TO tenant_one;"
                "GRANT SELECT ON ALL TABLES IN SCHEMA tenant_two TO tenant_two"),
            "");
  reset();
  ask_until_named();
  for (int turn = 1; turn <= 3; ++turn) {
    for (const auto& [role, expected] : {std::pair{"tenant_one", "1"}, {"tenant_two", "two"}}) {
      for (const std::string& set : {std::string("SET LOCAL ROLE ") + role, std::string("SET ROLE ") + role,
                                     std::string("SELECT set_config('role', '") + role + "', true)",
                                     std::string("SET LOCAL SESSION AUTHORIZATION ") + role}) {
        SCOPED_TRACE(set);
        begin();
        std::ignore = say(set);
        for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), expected);
        commit();
        if (!connection->clean()) reset();
        begin();
        for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
        commit();
      }
    }
  }
}

TEST_F(SearchPath, a_temporary_table_stands_in_front_of_the_path) {
  ask_until_named();
  for (int lease = 1; lease <= 3; ++lease) {  // the server makes the schema for them once per session
    begin();
    ASSERT_EQ(say("CREATE TEMP TABLE t ON COMMIT DROP AS SELECT 'temp' AS a"), "");
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "temp") << "lease " << lease;
    commit();
    begin();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t") << "lease " << lease;
    commit();
    reset();
    for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t") << "lease " << lease;
  }
}

TEST_F(SearchPath, a_path_that_begins_with_the_schema_of_temporary_tables_leaves_one_to_nobody_else) {
  ask_until_named();
  begin();
  std::ignore = say("SELECT set_config('search_path', $1, true)", params("PG_Temp, public"));
  ASSERT_EQ(say("CREATE TABLE t AS SELECT 'temp' AS a"), "");
  EXPECT_EQ(ask(), "temp");
  commit();
  EXPECT_FALSE(connection->clean());
  reset();
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
}

TEST_F(SearchPath, a_table_that_the_transaction_itself_changes_is_no_error) {
  ask_until_named();
  begin();
  EXPECT_EQ(ask(), "t");
  ASSERT_EQ(say("ALTER TABLE public.t ALTER a TYPE text"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "true");
  ASSERT_EQ(say("DROP TABLE public.t"), "");
  ASSERT_EQ(say("CREATE TABLE public.t AS SELECT 7 AS a"), "");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "7");
  finish(pq::TransactionCommand::rollback);
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
}

TEST_F(SearchPath, the_type_of_a_parameter_is_that_of_the_schema_in_force) {
  ASSERT_EQ(say("CREATE TABLE one.days (a date); CREATE TABLE two.days (a timestamp)"), "");
  for (int turn = 1; turn <= 3; ++turn) {
    for (const auto& [schema, expected] : {std::pair{"one", "2026-01-02"}, {"two", "2026-01-02 03:04:05"}}) {
      begin();
      ASSERT_EQ(say("SELECT set_config('search_path', $1, true)", params(schema)), schema);
      EXPECT_EQ(say("INSERT INTO days VALUES ($1) RETURNING a", params("2026-01-02 03:04:05")), expected);
      commit();
    }
  }
}

TEST_F(SearchPath, a_generation_finds_its_names_again) {
  for (int turn = 1; turn <= 4; ++turn) {
    for (const auto& [schema, expected] : {std::pair{"one", "1"}, {"two", "two"}}) {
      for (const char* set :
           {"SELECT set_config('search_path', $1, true)", "SELECT set_config($2, $1, true)"}) {
        begin();
        Params parameters = params(schema);
        if (std::string_view(set).find("$2") != std::string_view::npos)
          parameters = params(schema, "Search_Path");
        ASSERT_EQ(say(set, parameters), schema);
        EXPECT_EQ(ask(), expected);
        commit();
      }
    }
  }
  EXPECT_EQ(names(), "2") << "one for each schema";
}

TEST_F(SearchPath, what_leaves_the_path_alone_costs_no_name) {
  ASSERT_EQ(say("CREATE TABLE IF NOT EXISTS public.plain (a int, b text)"), "");
  ask_until_named();
  const std::vector<std::string> harmless = {
      "SELECT set_config('app.tenant', 'x', true)",
      "SET LOCAL statement_timeout = '10s'",
      "INSERT INTO plain (a, b) SELECT n, upper(b) FROM unnest(ARRAY[1], ARRAY['x']) AS u(n, b)",
      "WITH x (a) AS (SELECT count(*) FROM plain) SELECT jsonb_build_object('a', a, 'id', gen_random_uuid()) "
      "FROM x",
      "SAVEPOINT s",
      "ROLLBACK TO s",
      "UPDATE plain SET a = 1, b = md5(b)",
      "SET CONSTRAINTS ALL DEFERRED"};
  begin();
  for (const std::string& sql : harmless) {
    std::ignore = say(sql);
    EXPECT_EQ(ask(), "t");
    EXPECT_EQ(say("SELECT generic_plans + custom_plans > 0 FROM pg_prepared_statements WHERE statement = "
                  "'SELECT * FROM t'"),
              "t");
  }
  const std::string used =
      "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement = 'SELECT * FROM t'";
  const int before = std::stoi(say(used));
  for (const std::string& sql : harmless) {
    std::ignore = say(sql);
    EXPECT_EQ(ask(), "t");
  }
  EXPECT_EQ(std::stoi(say(used)), before + static_cast<int>(harmless.size())) << "some went without the name";
  commit();
}

TEST_F(SearchPath, behind_a_function_in_a_transaction_names_are_used_where_the_server_reports_the_path) {
  constexpr int first_to_report = 180000;
  ASSERT_EQ(connection->server_version() >= first_to_report, reports_search_path());
  ASSERT_EQ(say("CREATE OR REPLACE FUNCTION public.harmless() RETURNS int LANGUAGE sql AS 'SELECT 5'"), "");
  ask_until_named();
  const std::string used =
      "SELECT sum(generic_plans + custom_plans) FROM pg_prepared_statements WHERE statement = 'SELECT * FROM "
      "t'";
  const int before = std::stoi(say(used));
  EXPECT_EQ(say("SELECT public.harmless()"), "5");
  EXPECT_EQ(ask(), "t");
  EXPECT_EQ(std::stoi(say(used)), before + 1) << "outside a transaction";
  begin();
  EXPECT_EQ(say("SELECT public.harmless()"), "5");
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "t");
  EXPECT_EQ(std::stoi(say(used)), before + (reports_search_path() ? 4 : 1)) << "inside one";
  commit();
  EXPECT_EQ(ask(), "t");
  EXPECT_EQ(std::stoi(say(used)), before + (reports_search_path() ? 5 : 2)) << "behind one";
}

TEST_F(SearchPath, a_pipeline_may_change_it_on_its_way) {
  ASSERT_EQ(say(helpers), "");
  for (int turn = 1; turn <= 3; ++turn) {
    for (const bool in_transaction : {false, true}) {
      for (const auto& [schema, expected] : {std::pair{"one", "1"}, {"two", "two"}}) {
        for (const char* set : {"SELECT set_config('search_path', $1, true)", "SELECT public.be_in($1)"}) {
          if (in_transaction) begin();
          Pipeline pipeline(
              *connection,
              {{"SELECT * FROM t"}, {set, params(schema)}, {"SELECT * FROM t"}, {"SELECT * FROM t"}},
              in_transaction ? BeginFirst::no : BeginFirst::yes);
          EXPECT_EQ(pipeline.run_well().texts(), (std::vector<std::string>{"t", schema, expected, expected}));
          Pipeline behind(*connection,
                          {{"SELECT * FROM t"}, {"SELECT * FROM t"}, {"COMMIT"}, {"SELECT * FROM t"}});
          EXPECT_EQ(behind.run_well().texts(), (std::vector<std::string>{expected, expected, "", "t"}));
          EXPECT_EQ(ask(), "t");
        }
      }
    }
  }
}

TEST_F(SearchPath, statements_that_travel_together_outside_transactions_keep_their_names) {
  ASSERT_EQ(say(helpers), "");
  ask_until_named();
  const auto used = [&] {
    return std::stoi(
        say("SELECT sum(generic_plans + custom_plans) FROM pg_prepared_statements WHERE statement = 'SELECT "
            "* FROM t'"));
  };
  const int before = used();
  Pipeline run(*connection, {{"SELECT * FROM t"},
                             {"SELECT public.be_in('one')"},
                             {"SELECT * FROM t"},
                             {"SELECT set_config('search_path', 'one', true)"},
                             {"SELECT * FROM t"}});
  EXPECT_EQ(run.run_well().texts(), (std::vector<std::string>{"t", "one", "t", "one", "t"}));
  EXPECT_GE(used(), before + 2);
}

TEST_F(SearchPath, a_parameter_takes_the_type_that_its_column_was_given_by_others) {
  const std::unique_ptr<pq::Connection> other = connect();
  ASSERT_EQ(say("CREATE TABLE public.typed (a int); INSERT INTO public.typed VALUES (7)"), "");
  const char* sql = "SELECT count(*) FROM typed WHERE a = $1";
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(say(sql, params("7")), "1");
  ASSERT_FALSE(execute(*other, "ALTER TABLE public.typed ALTER a TYPE text USING a || ' or so'").error);
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(say(sql, params("7")), "0");
  ASSERT_FALSE(execute(*other, "ALTER TABLE public.typed ALTER a TYPE date USING '2026-01-02'").error);
  EXPECT_EQ(say(sql, params("2026-01-02")), "1");
  ASSERT_FALSE(execute(*other, "ALTER TABLE public.typed ALTER a TYPE text USING 'some'").error);
  EXPECT_EQ(say(sql, params("some")).substr(0, 5), "22007") << "a date, as far as the server remembers";
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(say(sql, params("some")), "1");
  ASSERT_FALSE(execute(*other, "DROP TABLE public.typed").error);
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(say(sql, params("7")).substr(0, 5), "42P01");
}

TEST_F(SearchPath, a_plan_that_others_made_stale_is_told_with_a_hint_and_forgotten) {
  const std::unique_ptr<pq::Connection> other = connect();
  ask_until_named();
  begin();
  ASSERT_FALSE(execute(*other, "ALTER TABLE public.t ALTER a TYPE text").error);
  const Outcome outcome = execute(*connection, "SELECT * FROM t");
  ASSERT_TRUE(outcome.error);
  EXPECT_EQ(outcome.error->sqlstate.text(), "0A000");
  EXPECT_NE(outcome.error->hint.find("transaction"), std::string::npos) << outcome.error->hint;
  finish(pq::TransactionCommand::rollback);
  begin();
  for (int use = 1; use <= 3; ++use) EXPECT_EQ(ask(), "true");
  commit();
}

TEST_F(SearchPath, fifty_schemas_in_turn_keep_the_server_bounded_and_every_answer_right) {
  constexpr int tenants = 50;
  constexpr const char* types[] = {"int", "text", "date", "numeric", "bool[]"};
  constexpr const char* values[] = {"7", "x", "2026-01-02", "7.50", "{t,f}"};
  std::string make;
  for (int i = 0; i < tenants; ++i) {
    const std::string schema = "s" + std::to_string(i);
    make += "CREATE SCHEMA IF NOT EXISTS " + schema + "; CREATE TABLE IF NOT EXISTS " + schema +
            ".many (tenant text, v " + types[i % 5] + ");";
    make += "TRUNCATE " + schema + ".many; INSERT INTO " + schema + ".many VALUES ('" + schema + "', '" +
            values[i % 5] + "');";
  }
  ASSERT_EQ(say(make), "");
  for (int round = 0; round < 12; ++round) {
    for (int i = 0; i < tenants; ++i) {
      const std::string schema = "s" + std::to_string(i);
      begin();
      ASSERT_EQ(say("SELECT set_config('search_path', $1, true)", params(schema)), schema);
      for (int text = 0; text < 8; ++text) {
        const std::string n = std::to_string(text);
        const Outcome outcome =
            execute(*connection, "SELECT *, " + n + " FROM many WHERE v = $1", params(values[i % 5]));
        ASSERT_FALSE(outcome.error) << outcome.error->message;
        ASSERT_EQ(outcome.result.size(), 1U);
        EXPECT_EQ(outcome.result[0][0].text(), schema);
        EXPECT_EQ(outcome.result[0][1].text(), values[i % 5]);
      }
      commit();
      if (!connection->clean()) reset();
    }
  }
  EXPECT_LE(std::stoul(say("SELECT count(*) FROM pg_prepared_statements")),
            pq::StatementCache::capacity + pq::StatementCache::max_orphans);
}

}  // namespace
}  // namespace copg::test
