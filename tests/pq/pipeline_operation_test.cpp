// Many statements in one flush against a real server: their order, their errors, their cost.
#include "pq/pipeline_operation.hpp"

#include <gtest/gtest.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <numeric>

#include "pipeline.hpp"
#include "pq/late_symbols.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;
using pq::PipelineOrder;
using pq::PipelineOutcome;
using Strings = std::vector<std::string>;

class PipelineOperation : public ::testing::Test {
 protected:
  PipelineOperation() : connection(connect()), observer(connect()) {}

  std::string say(std::string_view sql, const Params& parameters = {}) {
    return execute(*connection, sql, parameters).text();
  }
  Strings answers(std::vector<Text> texts, BeginFirst begin = BeginFirst::no) {
    return Pipeline(*connection, std::move(texts), begin).run_well().texts();
  }
  void make_table(const std::string& definition) {
    ASSERT_FALSE(
        execute(*observer, "DROP TABLE IF EXISTS piped; CREATE TABLE piped (" + definition + ")").error);
  }
  /// The second use of a text gives it a name.
  void prepare(const std::string& sql, const Params& parameters = {}) {
    for (int use = 1; use <= 2; ++use) ASSERT_FALSE(execute(*connection, sql, parameters).error);
  }
  std::string named(const std::string& like) {
    return execute(*connection, "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE $1",
                   params(like))
        .text();
  }

  std::unique_ptr<pq::Connection> connection;
  std::unique_ptr<pq::Connection> observer;
};

TEST_F(PipelineOperation, answers_come_in_the_order_of_the_statements) {
  Pipeline pipeline(*connection,
                    {{"SELECT 1"}, {"SELECT $1::text", params("two")}, {"VALUES (3), (4)"}, {""}});
  pipeline.run_well();
  EXPECT_EQ(pipeline.texts(), (Strings{"1", "two", "3", ""}));
  EXPECT_EQ(pipeline.order, (std::vector<std::size_t>{0, 1, 2, 3}));
  for (std::size_t i = 0; i < pipeline.size(); ++i)
    EXPECT_EQ(pipeline.operation.outcome(i), PipelineOutcome::answered);
  EXPECT_TRUE(connection->clean());
}

TEST_F(PipelineOperation, an_empty_one_ends_and_begins_nothing) {
  EXPECT_EQ(answers({}), Strings{});
  EXPECT_EQ(answers({}, BeginFirst::yes), Strings{});
  EXPECT_TRUE(connection->clean());
}

TEST_F(PipelineOperation, an_error_in_one_touches_no_other) {
  make_table("a int PRIMARY KEY, CHECK (a > 0)");
  const Text insert{"INSERT INTO piped VALUES ($1)", params(1)};
  for (int use = 1; use <= 4; ++use) {
    ASSERT_FALSE(execute(*observer, "TRUNCATE piped").error);
    Pipeline pipeline(*connection, {insert,
                                    {"SELEC 1"},
                                    insert,
                                    {"INSERT INTO piped VALUES ($1)", params(-1)},
                                    {"SELECT 1/$1::int", params(0)},
                                    {"SELECT * FROM nowhere"},
                                    {"INSERT INTO piped VALUES ($1)", params(2)},
                                    {"SELECT count(*) FROM piped"}});
    pipeline.run_well();
    EXPECT_EQ(pipeline.texts(), (Strings{"", "42601", "23505", "23514", "22012", "42P01", "", "2"})) << use;
    EXPECT_EQ(pipeline.operation.outcome(1), PipelineOutcome::failed);
    EXPECT_EQ(pipeline.told[3]->error->query, "INSERT INTO piped VALUES ($1)");
    EXPECT_EQ(pipeline.told[3]->error->table_name, "piped");
    EXPECT_TRUE(pipeline.told[3]->error->connection_survives);
    EXPECT_TRUE(connection->clean() || connection->protocol_idle());
  }
}

TEST_F(PipelineOperation, a_constraint_that_fails_at_the_end_of_a_statement_fails_that_one) {
  make_table("a int UNIQUE DEFERRABLE INITIALLY DEFERRED");
  const Text insert{"INSERT INTO piped VALUES (1)"};
  for (int use = 1; use <= 3; ++use) {
    ASSERT_FALSE(execute(*observer, "TRUNCATE piped").error);
    EXPECT_EQ(answers({insert, insert, {"SELECT count(*) FROM piped"}, insert, {"SELECT 'on'"}}),
              (Strings{"", "23505", "1", "23505", "on"}));
  }
}

TEST_F(PipelineOperation, what_cannot_be_sent_is_refused_alone) {
  const std::string nul("SELECT 1\0", 9);
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    Pipeline pipeline(*connection,
                      {{"SELECT 1; SELECT 2"},
                       {"SELECT 3"},
                       {"COPY pg_class TO STDOUT"},
                       {"-- a comment\n copy piped FROM STDIN"},
                       {nul},
                       {"SELECT 4"},
                       {"SELECT 5; COMMIT"}},
                      begin);
    pipeline.run_well();
    for (const std::size_t refused : {0U, 2U, 3U, 4U, 6U}) {
      ASSERT_TRUE(pipeline.told[refused]->error);
      EXPECT_EQ(pipeline.told[refused]->error->kind, ErrorKind::usage);
      EXPECT_EQ(pipeline.operation.outcome(refused), PipelineOutcome::failed);
    }
    EXPECT_EQ(pipeline.told[1]->text(), "3");
    EXPECT_EQ(pipeline.told[5]->text(), "4");
    EXPECT_EQ(connection->in_transaction(), begin == BeginFirst::yes);
  }
}

TEST_F(PipelineOperation, where_all_are_refused_the_connection_is_as_before) {
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    Pipeline pipeline(*connection, {{"COPY x FROM STDIN"}, {"SELECT 1; SELECT 2"}}, begin);
    pipeline.run_well();
    EXPECT_EQ(pipeline.order.size(), 2U);
    EXPECT_TRUE(connection->clean());
  }
}

TEST_F(PipelineOperation, a_connection_that_is_not_fit_is_refused_and_nothing_was_sent) {
  connection->mark_dead();
  Pipeline pipeline(*connection, {{"SELECT 1"}, {"SELECT 2"}});
  run(pipeline.operation);
  ASSERT_NE(pipeline.operation.error(), nullptr);
  EXPECT_EQ(pipeline.operation.error()->kind, ErrorKind::connection_failed);
  EXPECT_FALSE(pipeline.operation.first_bytes_sent());
  EXPECT_EQ(pipeline.operation.outcome(1), PipelineOutcome::never_sent);
  EXPECT_TRUE(pipeline.order.empty());
}

TEST_F(PipelineOperation, a_text_gets_a_name_at_its_second_use_and_keeps_it) {
  EXPECT_EQ(answers({{"SELECT 'n1'"}, {"SELECT 'n1'"}, {"SELECT 'n1'"}}), (Strings{"n1", "n1", "n1"}));
  EXPECT_EQ(named("SELECT 'n1'"), "1");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answers({{"SELECT 'n1'"}, {"SELECT 'n1'"}}), (Strings{"n1", "n1"}));
  EXPECT_EQ(named("SELECT 'n1'"), "1");
}

TEST_F(PipelineOperation, nothing_gets_a_name_where_preparing_is_off) {
  connection = connect({.keywords = keywords_of(server()), .prepare = PrepareMode::off});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answers({{"SELECT 'n2'"}, {"SELECT 'n2'"}}), (Strings{"n2", "n2"}));
  EXPECT_EQ(named("%n2%"), "0");
}

TEST_F(PipelineOperation,
       a_parse_that_fails_under_a_name_fails_none_that_use_the_same_text_once_it_is_right) {
  // The second use gives it a name and fails; the table appears before the fourth.
  ASSERT_FALSE(execute(*observer, "DROP TABLE IF EXISTS late").error);
  const Text select{"SELECT count(*) FROM late"};
  EXPECT_EQ(answers({select, select, select, {"CREATE TABLE late ()"}, select, select}),
            (Strings{"42P01", "42P01", "42P01", "", "0", "0"}));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(answers({select, select}), (Strings{"0", "0"}));
  EXPECT_EQ(named("%late"), "1");
  ASSERT_FALSE(execute(*connection, "DROP TABLE late").error);
}

TEST_F(PipelineOperation, more_texts_than_the_cache_holds_pass_and_names_on_the_server_are_bounded) {
  constexpr std::size_t most = pq::StatementCache::capacity + pq::StatementCache::max_orphans;
  constexpr int texts = static_cast<int>(most) + 100;
  std::vector<Text> all;
  Strings expected;
  for (int i = 0; i < 2 * texts; ++i) {
    expected.push_back(std::to_string(i / 2));
    all.push_back({"SELECT " + expected.back()});
  }
  EXPECT_EQ(answers(std::move(all)), expected);
  EXPECT_LE(std::stoul(named("%")), most);
  EXPECT_GT(std::stoul(named("%")), pq::StatementCache::capacity);
  EXPECT_FALSE(connection->clean()) << "nobody will drop what it is littered with";
}

TEST_F(PipelineOperation, a_table_that_changed_under_prepared_statements_is_no_error) {
  make_table("a int");
  ASSERT_FALSE(execute(*observer, "INSERT INTO piped VALUES (7)").error);
  const Text select{"SELECT * FROM piped"};
  prepare(select.sql);
  ASSERT_FALSE(execute(*observer, "ALTER TABLE piped ALTER a TYPE bigint").error);
  Pipeline pipeline(*connection,
                    {{"SELECT 'before'"}, select, {"SELECT 'behind'"}, select, {"SELECT 'last'"}});
  pipeline.run_well();
  EXPECT_EQ(pipeline.texts(), (Strings{"before", "7", "behind", "7", "last"}));
  EXPECT_EQ(pipeline.order, (std::vector<std::size_t>{0, 2, 4, 1, 3})) << "those sent again come later";
  EXPECT_TRUE(connection->protocol_idle());
  EXPECT_EQ(answers({select, select}), (Strings{"7", "7"}));
}

TEST_F(PipelineOperation, where_the_order_counts_a_refused_plan_is_an_error_unless_nothing_went_behind_it) {
  make_table("a int");
  const Text select{"SELECT * FROM piped"};
  prepare(select.sql);
  ASSERT_FALSE(execute(*observer, "ALTER TABLE piped ALTER a TYPE bigint").error);
  Pipeline first(*connection, {select, {"INSERT INTO piped VALUES (1)"}}, BeginFirst::no,
                 PipelineOrder::kept);
  first.run_well();
  EXPECT_EQ(first.texts(), (Strings{"0A000", ""}));
  EXPECT_EQ(answers({select, select}), (Strings{"1", "1"})) << "it was forgotten";

  ASSERT_FALSE(execute(*observer, "ALTER TABLE piped ALTER a TYPE text").error);
  Pipeline last(*connection, {{"INSERT INTO piped VALUES ('2')"}, select}, BeginFirst::no,
                PipelineOrder::kept);
  last.run_well();
  EXPECT_EQ(last.texts(), (Strings{"", "1"}));
  EXPECT_EQ(last.order, (std::vector<std::size_t>{0, 1}));
}

TEST_F(PipelineOperation, ddl_in_between_is_no_error) {
  make_table("a int");
  const Text select{"SELECT * FROM piped"};
  prepare(select.sql);
  EXPECT_EQ(
      answers({{"INSERT INTO piped VALUES (1)"}, select, {"ALTER TABLE piped ALTER a TYPE text"}, select}),
      (Strings{"", "1", "", "1"}));
}

TEST_F(PipelineOperation, names_that_are_gone_are_parsed_again_and_each_statement_runs_once) {
  make_table("a int");
  const Text insert{"INSERT INTO piped VALUES ($1)", params(1)};
  prepare(insert.sql, insert.params);
  for (const char* forget :
       {"DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$", "DEALLOCATE ALL", "DISCARD ALL"}) {
    ASSERT_FALSE(execute(*observer, "TRUNCATE piped").error);
    EXPECT_EQ(answers({insert, {forget}, insert, insert, {"SELECT 'on'"}}), (Strings{"", "", "", "", "on"}));
    EXPECT_EQ(execute(*observer, "SELECT count(*) FROM piped").text(), "3") << forget;
    EXPECT_EQ(answers({insert, insert}), (Strings{"", ""}));
  }
}

TEST_F(PipelineOperation, names_that_are_gone_all_at_once_are_one_loss) {
  constexpr int texts = pq::StatementCache::max_losses + 1;
  std::vector<Text> all{{"DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"}};
  Strings expected{""};
  for (int i = 0; i < texts; ++i) {
    expected.push_back(std::to_string(i));
    all.push_back({"SELECT " + expected.back()});
    prepare(all.back().sql);
  }
  EXPECT_EQ(answers(std::move(all)), expected);
  EXPECT_TRUE(connection->statements().may_name());
}

TEST_F(PipelineOperation, nothing_is_sent_again_into_a_transaction_that_was_begun_behind_it) {
  make_table("a int");
  const Text select{"SELECT * FROM piped"};
  prepare(select.sql);
  ASSERT_FALSE(execute(*observer, "ALTER TABLE piped ALTER a TYPE bigint").error);
  EXPECT_EQ(answers({select, {"BEGIN"}, {"INSERT INTO piped VALUES (1)"}, {"COMMIT"}}),
            (Strings{"0A000", "", "", ""}));
  EXPECT_EQ(say("SELECT count(*) FROM piped"), "1");
}

TEST_F(PipelineOperation, in_an_open_transaction_a_refused_plan_is_an_error_and_so_is_all_behind_it) {
  make_table("a int");
  const Text select{"SELECT * FROM piped"};
  prepare(select.sql);
  ASSERT_FALSE(execute(*connection, "BEGIN").error);
  ASSERT_FALSE(execute(*observer, "ALTER TABLE piped ALTER a TYPE bigint").error);
  EXPECT_EQ(answers({{"SELECT 1"}, select, {"SELECT 2"}}), (Strings{"1", "0A000", "25P02"}));
  EXPECT_TRUE(connection->in_failed_transaction());
}

TEST_F(PipelineOperation, begin_first_makes_one_transaction_of_all) {
  make_table("a int");
  for (int use = 1; use <= 4; ++use) {
    EXPECT_EQ(answers({{"INSERT INTO piped VALUES (1)"}, {"INSERT INTO piped VALUES (2)"}, {"SELECT 'in'"}},
                      BeginFirst::yes),
              (Strings{"", "", "in"}));
    EXPECT_TRUE(connection->in_transaction());
    EXPECT_EQ(execute(*observer, "SELECT count(*) FROM piped").text(), "0");
    EXPECT_EQ(say("ROLLBACK"), "");
  }
}

TEST_F(PipelineOperation, in_a_transaction_all_behind_an_error_fail_and_nothing_is_kept) {
  make_table("a int");
  const Text insert{"INSERT INTO piped VALUES (1)"};
  for (int use = 1; use <= 4; ++use) {
    Pipeline pipeline(*connection, {insert, {"SELECT 1/0"}, insert, {"SELECT 'no'"}}, BeginFirst::yes);
    pipeline.run_well();
    EXPECT_EQ(pipeline.texts(), (Strings{"", "22012", "25P02", "25P02"}));
    EXPECT_EQ(pipeline.order, (std::vector<std::size_t>{0, 1, 2, 3}));
    EXPECT_TRUE(connection->in_failed_transaction());
    EXPECT_EQ(say("ROLLBACK"), "");
  }
  EXPECT_EQ(say("SELECT count(*) FROM piped"), "0");
}

TEST_F(PipelineOperation, a_savepoint_saves_what_is_behind_an_error) {
  make_table("a int");
  const std::vector<Text> texts{{"INSERT INTO piped VALUES (1)"},
                                {"SAVEPOINT s"},
                                {"INSERT INTO piped VALUES (1/0)"},
                                {"INSERT INTO piped VALUES (2)"},
                                {"ROLLBACK TO SAVEPOINT s"},
                                {"INSERT INTO piped VALUES (3)"},
                                {"COMMIT"},
                                {"SELECT sum(a) FROM piped"}};
  const Strings expected{"", "", "22012", "25P02", "", "", "", "4"};
  EXPECT_EQ(answers(texts, BeginFirst::yes), expected);
  ASSERT_FALSE(execute(*observer, "TRUNCATE piped").error);
  std::vector<Text> with_begin{{"BEGIN"}};
  with_begin.insert(with_begin.end(), texts.begin(), texts.end());
  EXPECT_EQ(answers(with_begin), (Strings{"", "", "", "22012", "25P02", "", "", "", "4"}));
  EXPECT_FALSE(connection->in_transaction());
}

TEST_F(PipelineOperation, committing_a_failed_transaction_is_an_error_that_says_so) {
  make_table("a int");
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    std::vector<Text> texts{
        {"INSERT INTO piped VALUES (1)"}, {"SELECT 1/0"}, {"COMMIT"}, {"SELECT 'behind'"}};
    if (begin == BeginFirst::no) texts.insert(texts.begin(), {"BEGIN"});
    Pipeline pipeline(*connection, texts, begin);
    pipeline.run_well();
    const std::size_t commit = pipeline.size() - 2;
    EXPECT_EQ(pipeline.told[commit]->text(), "25P02");
    EXPECT_NE(pipeline.told[commit]->error->message.find("rolled back"), std::string::npos);
    EXPECT_EQ(pipeline.told[commit + 1]->text(), "behind");
    EXPECT_FALSE(connection->in_transaction());
    EXPECT_EQ(say("SELECT count(*) FROM piped"), "0");
  }
}

TEST_F(PipelineOperation, where_begin_is_refused_nothing_runs) {
  make_table("a int");
  ASSERT_FALSE(execute(*connection, "BEGIN").error);
  ASSERT_EQ(say("SELECT 1/0"), "22012");
  Pipeline pipeline(*connection, {{"ROLLBACK"}, {"INSERT INTO piped VALUES (1)"}, {"SELECT 1"}},
                    BeginFirst::yes);
  run(pipeline.operation);
  ASSERT_NE(pipeline.operation.error(), nullptr);
  EXPECT_EQ(pipeline.operation.error()->sqlstate.text(), "25P02");
  EXPECT_EQ(pipeline.told[0]->text(), "25P02");
  EXPECT_EQ(pipeline.operation.outcome(0), PipelineOutcome::failed);
  EXPECT_EQ(pipeline.operation.outcome(1), PipelineOutcome::never_sent) << "ROLLBACK could have ended it";
  EXPECT_TRUE(connection->in_failed_transaction());
  ASSERT_EQ(say("ROLLBACK"), "");
  EXPECT_EQ(say("SELECT count(*) FROM piped"), "0");
}

TEST_F(PipelineOperation, a_thousand_statements_come_in_order) {
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    std::vector<Text> texts;
    for (int i = 0; i < 1000; ++i) texts.push_back({"SELECT $1::int", params(i)});
    Pipeline pipeline(*connection, std::move(texts), begin);
    pipeline.run_well();
    for (std::size_t i = 0; i < 1000; ++i) ASSERT_EQ(pipeline.told[i]->text(), std::to_string(i));
    std::vector<std::size_t> in_order(1000);
    std::iota(in_order.begin(), in_order.end(), std::size_t{0});
    EXPECT_EQ(pipeline.order, in_order);
  }
}

TEST_F(PipelineOperation, large_parameters_and_large_results_pass_both_ways_at_once) {
  const std::string large(8 * 1024 * 1024, 'x');
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    std::vector<Text> texts;
    for (int i = 0; i < 6; ++i) {
      texts.push_back({"SELECT repeat('y', $1)", params(static_cast<int>(large.size()))});
      texts.push_back({"SELECT $1::text", params(large)});
    }
    Pipeline pipeline(*connection, std::move(texts), begin);
    pipeline.run_well();
    for (const auto& told : pipeline.told) EXPECT_EQ(told->text().size(), large.size());
  }
}

TEST_F(PipelineOperation, a_result_is_handed_out_before_the_ones_behind_it_have_come) {
  Pipeline pipeline(*connection, {{"SELECT 'first'"}, {"SELECT pg_sleep(600)"}});
  pq::Ready ready = pq::Ready::none;
  while (pipeline.order.empty()) {
    const pq::Step step = pipeline.operation.advance(ready);
    ASSERT_FALSE(step.done);
    ASSERT_TRUE(pipeline.order.size() == 1 || wait_for(step, SteadyClock::now() + default_patience, ready));
  }
  EXPECT_EQ(pipeline.told[0]->text(), "first");
  EXPECT_EQ(pipeline.operation.outcome(1), PipelineOutcome::unknown);
}

TEST_F(PipelineOperation, what_a_statement_did_to_the_session_is_noted) {
  for (const char* sql : {"SET work_mem = '1MB'", "LISTEN x", "SELECT pg_advisory_lock(1)", "BEGIN"}) {
    connection = connect();
    (void)answers({{"SELECT 1"}, {sql}, {"SELECT 1"}});
    EXPECT_FALSE(connection->clean()) << sql;
  }
}

std::vector<Text> sixteen() { return std::vector<Text>(16, Text{"SELECT $1::int", params(1)}); }

TEST_F(PipelineOperation, a_run_costs_one_send_where_libpq_can_queue_a_sync) {
  if (!pq::has_send_pipeline_sync()) GTEST_SKIP() << "this libpq flushes every Sync";
  for (const BeginFirst begin : {BeginFirst::no, BeginFirst::yes}) {
    for (int use = 1; use <= 3; ++use) {
      const SocketCalls before = socket_calls();
      (void)answers(sixteen(), begin);
      EXPECT_EQ((socket_calls() - before).sends, 1);
    }
  }
}

TEST_F(PipelineOperation, a_transaction_begun_with_it_costs_one_send_with_any_libpq) {
  const SocketCalls before = socket_calls();
  (void)answers(sixteen(), BeginFirst::yes);
  EXPECT_EQ((socket_calls() - before).sends, 1);
}

TEST_F(PipelineOperation, over_tcp_a_run_leaves_in_one_packet_with_any_libpq) {
  connection = connect({.keywords = {{"hostaddr", "127.0.0.1"},
                                     {"port", std::to_string(server().port())},
                                     {"user", testing::ThrowawayPostgres::user()},
                                     {"dbname", "postgres"},
                                     {"sslmode", "disable"}}});
  const auto packets = [&] {
    tcp_info info{};
    socklen_t size = sizeof info;
    EXPECT_EQ(getsockopt(connection->fd(), IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return info.tcpi_data_segs_out;
  };
  (void)answers(sixteen());
  const auto before = packets();
  EXPECT_EQ(answers(sixteen()), Strings(16, "1"));
  EXPECT_EQ(packets() - before, 1U);
  int corked = 1;
  socklen_t size = sizeof corked;
  ASSERT_EQ(getsockopt(connection->fd(), IPPROTO_TCP, TCP_CORK, &corked, &size), 0);
  EXPECT_EQ(corked, 0);
}

}  // namespace
}  // namespace copg::test
