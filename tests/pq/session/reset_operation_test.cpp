// A connection that was left at any point of the protocol, in any state of its session, comes back clean.
// Real server.
#include "pq/reset_operation.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pq/copy_in_operation.hpp"
#include "pq/copy_out_operation.hpp"
#include "pq/session/peak_memory.hpp"
#include "pq/session/session.hpp"

namespace copg::pq {
namespace {

using test::comes_true;
using test::connect;
using test::is_running;
using test::run;
using test::say;
using test::say_and_leave;
using namespace std::chrono_literals;

class Reset : public ::testing::Test {
 protected:
  // Wipes, and expects a connection that a stranger may have.
  void reset(ResetMode mode = ResetMode::tracked) {
    ResetOperation operation(*connection, mode);
    run(operation);
    ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
    wiped = operation.wiped();
    EXPECT_TRUE(connection->clean());
    EXPECT_EQ(PQtransactionStatus(connection->raw()), PQTRANS_IDLE);
    EXPECT_EQ(PQpipelineStatus(connection->raw()), PQ_PIPELINE_OFF);
    EXPECT_EQ(connection->syncs_pending(), 0);
    EXPECT_EQ(say(*connection, "SELECT 'served'"), "served");
  }

  // Lets the server hold as many names for nothing as it may.
  void litter() {
    StatementCache& cache = connection->statements();
    Statement* ours = nullptr;
    while (ours == nullptr) ours = cache.use("SELECT 1", {});
    while (!cache.littered()) {
      cache.name(*ours);
      PQclear(PQprepare(connection->raw(), ours->name.data(), "SELECT 1", 0, nullptr));
      cache.confirm(*ours);
      cache.doubt(*ours);
    }
  }

  std::unique_ptr<Connection> connection = connect();
  std::unique_ptr<Connection> observer = connect();
  bool wiped = false;
};

TEST_F(Reset, an_untouched_session_is_clean_without_a_word_to_the_server) {
  EXPECT_EQ(say(*connection, "SELECT 1"), "1");
  ResetOperation operation(*connection, ResetMode::tracked);
  EXPECT_TRUE(operation.advance(Ready::none).done);
  EXPECT_EQ(operation.error(), nullptr);
  EXPECT_FALSE(operation.wiped());
}

TEST_F(Reset, a_query_left_running_is_cancelled_and_its_answer_never_seen) {
  say_and_leave(*connection, "SELECT 'leftover', pg_sleep(600)");
  ASSERT_TRUE(is_running(*observer, *connection));
  EXPECT_FALSE(connection->clean());
  reset();
}

TEST_F(Reset, a_statement_that_waits_for_a_lock_is_cancelled) {
  say(*observer, "BEGIN");
  say(*observer, "SELECT pg_advisory_xact_lock(42)");
  say_and_leave(*connection, "SELECT pg_advisory_xact_lock(42)");
  reset();
  say(*observer, "ROLLBACK");
}

TEST_F(Reset, answers_that_have_come_already_need_no_cancel) {
  say_and_leave(*connection, "SELECT 'leftover'");
  pollfd watched{connection->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&watched, 1, 10'000), 1);
  ResetOperation operation(*connection, ResetMode::rollback);
  EXPECT_TRUE(operation.advance(Ready::none).done);
  EXPECT_EQ(operation.error(), nullptr);
  EXPECT_TRUE(connection->protocol_idle());
}

TEST_F(Reset, ten_gigabytes_of_answer_are_dropped_in_bounded_memory) {
  say_and_leave(*connection, "SELECT repeat('x', 10000), generate_series(1, 1000000)");
  ASSERT_TRUE(is_running(*observer, *connection));
  const test::PeakMemory memory;
  reset();
  if (!test::memory_can_be_measured) GTEST_SKIP() << "memory is not measured under this sanitizer";
  EXPECT_LT(memory.grown_kib(), 64 * 1024);
}

TEST_F(Reset, several_statements_left_in_one_text_end_together) {
  say_and_leave(*connection, "SELECT 1; SELECT pg_sleep(600); SELECT 2");
  reset();
}

class ResetOfPipeline : public Reset {
 protected:
  void SetUp() override {
    say(*observer, "DROP TABLE IF EXISTS rows; CREATE TABLE rows (n int)");
    connection->operation_began();
    ASSERT_EQ(PQenterPipelineMode(connection->raw()), 1);
  }
  void queue(const char* sql) {
    ASSERT_EQ(PQsendQueryParams(connection->raw(), sql, 0, nullptr, nullptr, nullptr, nullptr, 0), 1);
  }
  void sync() {
    ASSERT_EQ(PQpipelineSync(connection->raw()), 1);
    connection->sync_sent();
  }
  void flush() {
    ASSERT_EQ(PQsendFlushRequest(connection->raw()), 1);
    while (PQflush(connection->raw()) == 1) {
    }
  }
};

TEST_F(ResetOfPipeline, half_a_batch_without_its_sync_has_no_effect) {
  queue("INSERT INTO rows VALUES (1)");
  queue("INSERT INTO rows VALUES (2)");
  flush();
  reset();
  EXPECT_EQ(say(*observer, "SELECT count(*) FROM rows"), "0");
}

TEST_F(ResetOfPipeline, a_batch_that_was_never_flushed_has_no_effect) {
  queue("INSERT INTO rows VALUES (1)");
  reset();
  EXPECT_EQ(say(*observer, "SELECT count(*) FROM rows"), "0");
}

TEST_F(ResetOfPipeline, a_batch_with_its_sync_is_over_before_the_reset_is) {
  queue("INSERT INTO rows VALUES (1)");
  sync();
  queue("SELECT pg_sleep(600)");
  sync();
  queue("SELECT 1");
  sync();
  ASSERT_TRUE(comes_true(*observer, "SELECT count(*) FROM rows", "1"));
  reset();
  EXPECT_EQ(say(*observer, "SELECT count(*) FROM rows"), "1");
}

TEST_F(ResetOfPipeline, a_failed_batch_is_dropped_to_its_end) {
  queue("SELECT 1 / 0");
  queue("SELECT 2");
  sync();
  queue("SELECT 3");
  flush();
  reset();
}

TEST_F(ResetOfPipeline, an_empty_pipeline_is_left) { reset(); }

TEST_F(ResetOfPipeline, a_transaction_opened_in_a_batch_is_rolled_back) {
  queue("BEGIN");
  queue("INSERT INTO rows VALUES (1)");
  sync();
  reset();
  EXPECT_EQ(say(*observer, "SELECT count(*) FROM rows"), "0");
}

class EndlessSource : public CopySource {
 public:
  std::string_view next() override { return "1\n"; }
};
class DroppingSink : public CopySink {
 public:
  void take(std::string_view piece) override { bytes += piece.size(); }
  std::size_t bytes = 0;
};

// Advances until the operation has been at it for a while, then drops it half-way.
void start_and_leave(Operation& operation, int steps) {
  Ready ready = Ready::none;
  for (int i = 0; i < steps; ++i) {
    const Step step = operation.advance(ready);
    ASSERT_FALSE(step.done);
    ASSERT_TRUE(test::wait_for(step, test::SteadyClock::now() + 10s, ready));
  }
}

TEST_F(Reset, a_copy_in_given_up_half_way_has_no_effect) {
  say(*observer, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int)");
  {
    EndlessSource source;
    CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
    start_and_leave(copy, 10);
  }
  EXPECT_FALSE(connection->clean());
  reset();
  EXPECT_EQ(say(*observer, "SELECT count(*) FROM copied"), "0");
}

TEST_F(Reset, a_copy_in_that_waits_for_its_first_data_is_ended) {
  say(*observer, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int)");
  say_and_leave(*connection, "COPY copied FROM STDIN");
  reset();
}

TEST_F(Reset, a_copy_in_that_waits_for_a_lock_is_cancelled) {
  say(*observer, "DROP TABLE IF EXISTS copied; CREATE TABLE copied (n int UNIQUE)");
  say(*observer, "BEGIN; INSERT INTO copied VALUES (1)");
  {
    EndlessSource source;  // its first row waits for the other transaction
    CopyInOperation copy(*connection, "COPY copied FROM STDIN", source);
    ASSERT_FALSE(test::run_until(copy, test::SteadyClock::now() + 200ms));
  }
  reset();
  say(*observer, "ROLLBACK");
}

TEST_F(Reset, a_copy_out_given_up_half_way_is_dropped) {
  {
    DroppingSink sink;
    CopyOutOperation copy(*connection,
                          "COPY (SELECT repeat('x', 1000), generate_series(1, 100000000)) TO STDOUT", sink);
    start_and_leave(copy, 10);
    EXPECT_GT(sink.bytes, 0u);
  }
  reset();
}

TEST_F(Reset, an_open_transaction_is_rolled_back) {
  say(*observer, "DROP TABLE IF EXISTS rows; CREATE TABLE rows (n int)");
  say(*connection, "BEGIN");
  say(*connection, "INSERT INTO rows VALUES (1)");
  EXPECT_FALSE(connection->clean());
  reset();
  EXPECT_FALSE(wiped);
  EXPECT_EQ(say(*observer, "SELECT count(*) FROM rows"), "0");
}

TEST_F(Reset, a_failed_transaction_is_rolled_back) {
  say(*connection, "BEGIN");
  EXPECT_EQ(say(*connection, "SELECT 1 / 0"), "22012");
  EXPECT_TRUE(connection->in_failed_transaction());
  reset();
}

TEST_F(Reset, a_changed_session_in_a_failed_transaction_is_rolled_back_and_wiped) {
  say(*connection, "SET work_mem = '64MB'");
  say(*connection, "BEGIN");
  EXPECT_EQ(say(*connection, "SELECT 1 / 0"), "22012");
  reset();
  EXPECT_TRUE(wiped);
  EXPECT_NE(say(*connection, "SHOW work_mem"), "64MB");
}

TEST_F(Reset, settings_go_back) {
  const std::string before = say(*connection, "SHOW work_mem");
  say(*connection, "SET work_mem = '64MB'");
  reset();
  EXPECT_EQ(say(*connection, "SHOW work_mem"), before);
}

TEST_F(Reset, what_the_startup_packet_has_set_stays) {
  connection = connect(test::server().url() + "&options=-c%20work_mem%3D12345kB");
  say(*connection, "SET work_mem = '64MB'");
  reset();
  EXPECT_EQ(say(*connection, "SHOW work_mem"), "12345kB");
}

TEST_F(Reset, roles_go_back) {
  say(*observer, "DO $$ BEGIN CREATE ROLE borrowed; EXCEPTION WHEN duplicate_object THEN END $$");
  say(*connection, "SET ROLE borrowed");
  reset();
  EXPECT_EQ(say(*connection, "SELECT current_user"), "postgres");
  say(*connection, "SET SESSION AUTHORIZATION borrowed");
  reset();
  EXPECT_EQ(say(*connection, "SELECT session_user"), "postgres");
}

TEST_F(Reset, listening_ends_and_what_was_heard_is_dropped) {
  say(*connection, "LISTEN news");
  say(*observer, "NOTIFY news");
  EXPECT_EQ(say(*connection, "SELECT 1"), "1");  // the notification comes with it
  reset();
  EXPECT_EQ(PQnotifies(connection->raw()), nullptr);
  EXPECT_EQ(say(*connection, "SELECT count(*) FROM pg_listening_channels()"), "0");
}

TEST_F(Reset, temporary_tables_are_dropped) {
  say(*connection, "CREATE TEMP TABLE leftover (n int)");
  reset();
  EXPECT_EQ(say(*connection, "SELECT to_regclass('leftover') IS NULL"), "t");
}

TEST_F(Reset, session_locks_are_released) {
  say(*connection, "SELECT pg_advisory_lock(7)");
  reset();
  EXPECT_EQ(say(*observer, "SELECT pg_try_advisory_xact_lock(7)"), "t");
}

TEST_F(Reset, a_session_lock_taken_by_a_statement_that_failed_is_released) {
  say(*connection, "SELECT pg_advisory_lock(8), 1 / (random() * 0)::int");
  EXPECT_FALSE(connection->clean());
  reset();
  EXPECT_EQ(say(*observer, "SELECT pg_try_advisory_xact_lock(8)"), "t");
}

TEST_F(Reset, a_session_lock_taken_by_a_statement_that_was_cancelled_is_released) {
  say_and_leave(*connection, "SELECT pg_advisory_lock(9), pg_sleep(600)");
  ASSERT_TRUE(
      comes_true(*observer, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 9", "1"));
  reset();
  EXPECT_EQ(say(*observer, "SELECT pg_try_advisory_xact_lock(9)"), "t");
}

TEST_F(Reset, cursors_with_hold_are_closed) {
  say(*connection, "DECLARE leftover CURSOR WITH HOLD FOR SELECT 1");
  reset();
  EXPECT_EQ(say(*connection, "SELECT count(*) FROM pg_cursors"), "0");
}

TEST_F(Reset, statements_prepared_by_the_user_are_gone_and_ours_with_them) {
  Statement* ours = nullptr;
  while (ours == nullptr) ours = connection->statements().use("SELECT 1", {});
  connection->statements().name(*ours);
  PQclear(PQprepare(connection->raw(), ours->name.data(), "SELECT 1", 0, nullptr));
  connection->statements().confirm(*ours);
  say(*connection, "PREPARE leftover AS SELECT 1");
  reset();
  EXPECT_EQ(say(*connection, "SELECT count(*) FROM pg_prepared_statements"), "0");
  const Statement* known = connection->statements().use("SELECT 1", {});
  EXPECT_TRUE(known == nullptr || !known->prepared);
}

TEST_F(Reset, statements_that_the_server_holds_for_nothing_are_gone_once_they_are_too_many) {
  litter();
  EXPECT_FALSE(connection->clean());
  reset();
  EXPECT_FALSE(wiped) << "settings are none of this";
  EXPECT_EQ(say(*connection, "SELECT count(*) FROM pg_prepared_statements"), "0");
}

TEST_F(Reset, a_session_whose_own_statements_went_with_those_for_nothing_must_be_configured_again) {
  say(*connection, "PREPARE mine AS SELECT 1");
  connection->session().set_configured(connection->raw());
  EXPECT_TRUE(connection->clean());
  litter();
  reset();
  EXPECT_EQ(say(*connection, "SELECT count(*) FROM pg_prepared_statements"), "0");
  EXPECT_TRUE(wiped);
}

TEST_F(Reset, our_own_prepared_statements_survive_a_wipe) {
  PQclear(PQprepare(connection->raw(), "ours", "SELECT 1", 0, nullptr));
  reset(ResetMode::full);
  EXPECT_TRUE(wiped);
  EXPECT_EQ(say(*connection, "SELECT count(*) FROM pg_prepared_statements"), "1");
}

TEST_F(Reset, a_setting_changed_behind_an_innocent_function_is_seen_where_the_server_reports_it) {
  say(*observer,
      "CREATE OR REPLACE FUNCTION innocent() RETURNS text LANGUAGE sql AS $$ SELECT "
      "set_config('application_name', "
      "'guilty', false) $$");
  EXPECT_EQ(say(*connection, "SELECT innocent()"), "guilty");
  EXPECT_FALSE(connection->session().changed());
  EXPECT_FALSE(connection->clean());
  reset();
  EXPECT_TRUE(wiped);
  EXPECT_NE(say(*connection, "SHOW application_name"), "guilty");
}

TEST_F(Reset, what_ends_with_its_transaction_costs_no_wipe) {
  say(*connection, "BEGIN");
  say(*connection, "SET LOCAL work_mem = '64MB'");
  say(*connection, "SELECT set_config('app.user', 'me', true), pg_advisory_xact_lock(1)");
  say(*connection, "COMMIT");
  EXPECT_TRUE(connection->clean());
  reset();
  EXPECT_FALSE(wiped);
}

TEST_F(Reset, full_mode_wipes_what_nobody_could_see) {
  say(*observer,
      "CREATE OR REPLACE FUNCTION hidden() RETURNS text LANGUAGE sql AS $$ SELECT set_config('work_mem', "
      "'64MB', false) $$");
  say(*connection, "SELECT hidden()");
  EXPECT_TRUE(connection->clean());
  reset(ResetMode::full);
  EXPECT_NE(say(*connection, "SHOW work_mem"), "64MB");
}

TEST_F(Reset, rollback_mode_leaves_the_session_as_it_is) {
  say(*connection, "SET work_mem = '64MB'");
  say(*connection, "BEGIN");
  reset(ResetMode::rollback);
  EXPECT_FALSE(wiped);
  EXPECT_EQ(say(*connection, "SHOW work_mem"), "64MB");
}

TEST_F(Reset, what_no_wipe_undoes_is_an_error_and_costs_no_round_trip) {
  say(*connection, "SELECT setseed(0.5)");
  ResetOperation operation(*connection, ResetMode::tracked);
  EXPECT_TRUE(operation.advance(Ready::none).done);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_FALSE(operation.error()->connection_survives);
}

TEST_F(Reset, a_server_that_refuses_the_wipe_is_an_error) {
  // DISCARD TEMP waits for a table that another session has locked; a cancel then makes the server refuse the
  // wipe.
  say(*connection, "CREATE TEMP TABLE held (n int)");
  const std::string name =
      say(*connection,
          "SELECT quote_ident(nspname) || '.held' FROM pg_namespace WHERE oid = pg_my_temp_schema()");
  say(*observer, "BEGIN; LOCK TABLE " + name);
  ResetOperation operation(*connection, ResetMode::tracked);
  EXPECT_FALSE(test::run_until(operation, test::SteadyClock::now() + 100ms));
  say(*observer, "SELECT pg_cancel_backend(" + std::to_string(connection->backend_pid()) + ")");
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->sqlstate.text(), "57014");
  EXPECT_FALSE(operation.error()->connection_survives);
  say(*observer, "ROLLBACK");
}

TEST_F(Reset, a_connection_whose_server_went_away_is_an_error_at_every_point) {
  const char* const points[] = {"SELECT pg_sleep(600)", "COPY pg_class TO STDOUT", "SELECT 1"};
  for (const char* point : points) {
    connection = connect();
    say_and_leave(*connection, point);
    ASSERT_EQ(say(*observer,
                  "SELECT pg_terminate_backend(" + std::to_string(connection->backend_pid()) + ", 10000)"),
              "t");
    ResetOperation operation(*connection, ResetMode::full);
    run(operation);
    ASSERT_NE(operation.error(), nullptr) << point;
    EXPECT_FALSE(operation.error()->connection_survives) << point;
  }
}

TEST_F(Reset, wiping_again_and_again_leaves_no_trace) {
  for (int i = 0; i < 100; ++i) {
    say(*connection, "SET application_name = 'dirty'");
    if (i % 3 == 0) say(*connection, "BEGIN");
    if (i % 2 == 0) say_and_leave(*connection, "SELECT pg_sleep(600)");
    reset();
    ASSERT_EQ(say(*connection, "SHOW application_name"), "");
  }
}

}  // namespace
}  // namespace copg::pq
