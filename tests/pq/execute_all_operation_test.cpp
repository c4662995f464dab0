// Several statements in one transaction against a real server: all or none, which one an error belongs to,
// and what becomes of the connection.
#include "pq/execute_all_operation.hpp"

#include <gtest/gtest.h>

#include <random>

#include "pipeline.hpp"
#include "pq/beginning.hpp"
#include "pq/reset_operation.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;
using Strings = std::vector<std::string>;

/// Texts and the operation together.
class All {
 public:
  All(pq::Connection& connection, std::vector<Text> texts, BeginFirst begin = BeginFirst::no)
      : texts_(std::move(texts)),
        statements_(statements_of(texts_)),
        operation(connection, statements_, begin) {}

  /// The first field of each result; must have gone well.
  Strings answers() {
    run(operation, 60s);
    EXPECT_EQ(operation.error(), nullptr) << operation.error()->message;
    Strings all;
    for (Result& result : operation.take_results()) all.push_back(Outcome{std::move(result), {}}.text());
    return all;
  }
  ErrorInfo error() {
    run(operation, 60s);
    if (operation.error() == nullptr) {
      ADD_FAILURE() << "no error";
      return {};
    }
    return *operation.error();
  }

 private:
  std::vector<Text> texts_;
  std::vector<pq::PipelineStatement> statements_;

 public:
  pq::ExecuteAllOperation operation;
};

class ExecuteAll : public ::testing::Test {
 protected:
  ExecuteAll() : connection(connect()), observer(connect()) {
    EXPECT_FALSE(
        execute(*observer, "DROP TABLE IF EXISTS all_of; CREATE TABLE all_of (n int PRIMARY KEY)").error);
  }

  std::string say(std::string_view sql, const Params& parameters = {}) {
    return execute(*connection, sql, parameters).text();
  }
  [[nodiscard]] std::string rows() { return execute(*observer, "SELECT count(*) FROM all_of").text(); }
  void reset() {
    pq::ResetOperation operation(*connection, ResetMode::tracked);
    run(operation);
    ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
    EXPECT_TRUE(connection->clean());
    EXPECT_EQ(say("SELECT 'served'"), "served");
  }

  std::unique_ptr<pq::Connection> connection;
  std::unique_ptr<pq::Connection> observer;
};

const char* const insert = "INSERT INTO all_of VALUES ($1)";

TEST_F(ExecuteAll, all_are_kept_and_their_results_come_in_order) {
  for (int use = 0; use < 4; ++use) {
    All all(*connection, {{insert, params(2 * use)},
                          {"SELECT count(*) FROM all_of"},
                          {insert, params(2 * use + 1)},
                          {"SELECT $1::text", params("last")}});
    EXPECT_EQ(all.answers(), (Strings{"", std::to_string(2 * use + 1), "", "last"}));
    EXPECT_EQ(rows(), std::to_string(2 * use + 2));
    EXPECT_TRUE(connection->clean());
  }
}

TEST_F(ExecuteAll, an_error_names_its_statement_and_nothing_is_kept) {
  (void)execute(*observer, "DROP SEQUENCE IF EXISTS behind; CREATE SEQUENCE behind");
  for (int use = 0; use < 4; ++use) {
    All all(*connection,
            {{insert, params(1)}, {insert, params(2)}, {insert, params(1)}, {"SELECT nextval('behind')"}});
    const ErrorInfo error = all.error();
    EXPECT_EQ(error.sqlstate.text(), "23505");
    EXPECT_EQ(error.statement_index, 2);
    EXPECT_EQ(error.query, insert);
    EXPECT_TRUE(error.connection_survives);
    EXPECT_FALSE(all.operation.commits());
    EXPECT_EQ(rows(), "0");
    EXPECT_EQ(execute(*observer, "SELECT is_called FROM behind").text(), "f");
    EXPECT_TRUE(connection->clean()) << "it was rolled back";
  }
  (void)execute(*observer, "DROP SEQUENCE behind");
}

TEST_F(ExecuteAll, an_error_of_the_commit_is_that_of_no_statement) {
  (void)execute(*observer,
                "DROP TABLE all_of; CREATE TABLE all_of (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
  for (int use = 0; use < 3; ++use) {
    const ErrorInfo error = All(*connection, {{insert, params(1)}, {insert, params(1)}}).error();
    EXPECT_EQ(error.sqlstate.text(), "23505");
    EXPECT_EQ(error.statement_index, -1);
    EXPECT_EQ(error.query, "COMMIT");
    EXPECT_EQ(rows(), "0");
    EXPECT_TRUE(connection->clean());
  }
}

TEST_F(ExecuteAll, what_cannot_travel_is_refused_before_anything_is_sent) {
  const std::vector<Text> unfit{{"SELECT 1; SELECT 2"},
                                {"COPY all_of TO STDOUT"},
                                {"BEGIN"},
                                {"COMMIT"},
                                {"ROLLBACK TO a"},
                                {std::string("SELECT '\0'", 10)},
                                {"SELECT $1::int", params(1, 2)},
                                {"SELECT $1::int"}};
  for (const Text& text : unfit) {
    const SocketCalls before = socket_calls();
    All all(*connection, {{insert, params(1)}, text, {insert, params(2)}});
    const ErrorInfo error = all.error();
    EXPECT_NE(error.kind, ErrorKind::query_failed) << text.sql;
    EXPECT_EQ(error.statement_index, 1) << text.sql;
    EXPECT_FALSE(all.operation.first_bytes_sent());
    EXPECT_EQ((socket_calls() - before).sends, 0);
  }
  EXPECT_TRUE(connection->clean());
  EXPECT_EQ(rows(), "0");
}

TEST_F(ExecuteAll, is_part_of_an_open_transaction_which_an_error_fails) {
  (void)say("BEGIN");
  EXPECT_EQ(All(*connection, {{insert, params(1)}, {"SELECT 2"}}).answers(), (Strings{"", "2"}));
  EXPECT_TRUE(connection->in_transaction());
  EXPECT_EQ(rows(), "0") << "before the commit";
  EXPECT_EQ(All(*connection, {{"SELECT 1"}, {"SELECT 1 / 0"}}).error().statement_index, 1);
  EXPECT_TRUE(connection->in_failed_transaction());
  EXPECT_EQ(All(*connection, {{"SELECT 1"}}).error().sqlstate.text(), "25P02");
  (void)say("ROLLBACK");
  EXPECT_EQ(rows(), "0");
}

TEST_F(ExecuteAll, begins_the_transaction_of_its_caller_and_does_not_commit_it) {
  EXPECT_EQ(All(*connection, {{insert, params(1)}, {"SELECT 2"}}, BeginFirst::yes).answers(),
            (Strings{"", "2"}));
  EXPECT_TRUE(connection->in_transaction());
  (void)say("COMMIT");
  EXPECT_EQ(rows(), "1");
  const pq::OwnBeginning odd({.settings = {{"app.tenant", "7"}}});
  EXPECT_EQ(All(*connection, {{"SHOW app.tenant"}}, BeginFirst(&odd.beginning())).answers(), (Strings{"7"}));
  (void)say("ROLLBACK");
  const pq::OwnBeginning wrong({.settings = {{"work_mem", "much"}}});
  const ErrorInfo error = All(*connection, {{insert, params(5)}}, BeginFirst(&wrong.beginning())).error();
  EXPECT_EQ(error.sqlstate.text(), "22023");
  EXPECT_EQ(error.statement_index, -1);
  (void)say("ROLLBACK");
  EXPECT_EQ(rows(), "1");
}

TEST_F(ExecuteAll, has_what_only_a_transaction_block_has) {
  for (int use = 0; use < 3; ++use) {
    EXPECT_EQ(All(*connection, {{"LOCK TABLE all_of"}, {"SET LOCAL work_mem = '1MB'"}, {"SHOW work_mem"}})
                  .answers(),
              (Strings{"", "", "1MB"}));
    EXPECT_NE(say("SHOW work_mem"), "1MB");
  }
}

TEST_F(ExecuteAll, names_that_are_gone_are_prepared_again_if_nothing_had_run) {
  const std::vector<Text> texts{{insert, params(1)}, {"SELECT 2 AS two"}};
  for (int use = 0; use < 3; ++use) {
    (void)All(*connection, texts).answers();
    (void)execute(*observer, "TRUNCATE all_of");
  }
  // Behind the back of the cache.
  (void)say("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$");
  EXPECT_EQ(All(*connection, texts).answers(), (Strings{"", "2"}));
  EXPECT_EQ(rows(), "1") << "once";
  EXPECT_TRUE(connection->at_rest());
}

TEST_F(ExecuteAll, a_plan_refused_behind_another_statement_is_an_error_once) {
  const std::vector<Text> texts{{insert, params(1)}, {"SELECT * FROM all_of"}};
  for (int use = 0; use < 3; ++use) {
    (void)All(*connection, texts).answers();
    (void)execute(*observer, "TRUNCATE all_of");
  }
  (void)execute(*observer, "ALTER TABLE all_of ADD COLUMN more text");
  const ErrorInfo error = All(*connection, texts).error();
  EXPECT_EQ(error.sqlstate.text(), "0A000");
  EXPECT_EQ(error.statement_index, 1);
  EXPECT_FALSE(error.hint.empty());
  EXPECT_EQ(rows(), "0");
  EXPECT_EQ(All(*connection, texts).answers(), (Strings{"", "1"}));
}

TEST_F(ExecuteAll, costs_one_send_and_its_names_are_used) {
  const std::vector<Text> texts(16, Text{"SELECT $1::int", params(1)});
  for (int use = 0; use < 4; ++use) {
    const SocketCalls before = socket_calls();
    (void)All(*connection, texts).answers();
    EXPECT_EQ((socket_calls() - before).sends, 1) << use;
  }
  EXPECT_EQ(say("SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int'"), "1");
}

TEST_F(ExecuteAll, ten_thousand_statements_of_ten_kilobytes_pass_both_ways_at_once) {
  const std::string large(10'000, 'x');
  All all(*connection, std::vector<Text>(10'000, Text{"SELECT $1::text", params(large)}));
  const Strings answers = all.answers();
  ASSERT_EQ(answers.size(), 10'000U);
  for (const std::string& answer : answers) ASSERT_EQ(answer.size(), large.size());
}

TEST_F(ExecuteAll, an_error_ends_one_that_is_not_yet_sent_to_its_end) {
  std::vector<Text> texts(10'000, Text{"SELECT $1::text", params(std::string(10'000, 'x'))});
  texts[7] = {"SELECT 1 / $1::int", params(0)};
  EXPECT_EQ(All(*connection, std::move(texts)).error().statement_index, 7);
  EXPECT_TRUE(connection->clean());
  EXPECT_EQ(say("SELECT 'served'"), "served");
}

TEST_F(ExecuteAll, whose_connection_dies_in_front_of_its_commit_is_unknown) {
  All all(*connection,
          {{insert, params(1)}, {"SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)"}});
  EXPECT_EQ(all.error().kind, ErrorKind::commit_unknown);
  EXPECT_FALSE(connection->alive());
  EXPECT_EQ(rows(), "0");
}

TEST_F(ExecuteAll, in_a_transaction_a_lost_connection_is_just_that) {
  (void)say("BEGIN");
  All all(*connection,
          {{insert, params(1)}, {"SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)"}});
  EXPECT_EQ(all.error().kind, ErrorKind::connection_failed);
  EXPECT_EQ(rows(), "0");
}

TEST_F(ExecuteAll, dropped_at_any_step_the_connection_is_reset_and_all_or_nothing_is_there) {
  std::mt19937 random(11);  // NOLINT(cert-msc51-cpp): the same ones each time
  for (int round = 0; round < 200; ++round) {
    (void)execute(*observer, "TRUNCATE all_of");
    constexpr int count = 20;
    std::vector<Text> texts;
    for (int i = 0; i < count; ++i) texts.push_back({insert, params(i)});
    if (random() % 3 == 0) texts[random() % count] = {insert, params(0)};
    {
      All all(*connection, texts);
      pq::Ready ready = pq::Ready::none;
      bool done = false;
      for (auto steps = random() % 4; steps > 0 && !done; --steps) {
        const pq::Step step = all.operation.advance(ready);
        done = step.done || !wait_for(step, SteadyClock::now() + default_patience, ready);
      }
    }
    reset();
    const std::string kept = rows();
    EXPECT_TRUE(kept == "0" || kept == std::to_string(count)) << kept;
  }
}

}  // namespace
}  // namespace copg::test
