// A cancel ends what runs, never what comes after it, and never holds anybody up. Real server, behind a gate
// for cancels.
#include "pq/cancel_operation.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pq/late_symbols.hpp"
#include "pq/reset_operation.hpp"
#include "pq/session/cancel_gate.hpp"
#include "pq/session/session.hpp"

namespace copg::pq {
namespace {

using test::connect;
using test::is_running;
using test::run;
using test::run_until;
using test::say;
using test::say_and_leave;
using test::SteadyClock;
using namespace std::chrono_literals;

std::unique_ptr<Connection> connect_through(const test::CancelGate& gate) {
  return connect("host=127.0.0.1 user=postgres dbname=postgres sslmode=disable gssencmode=disable port=" +
                 std::to_string(gate.port()));
}

std::size_t threads() {
  using It = std::filesystem::directory_iterator;
  return static_cast<std::size_t>(std::distance(It("/proc/self/task"), It()));
}

TEST(Cancel, ends_the_statement_that_runs) {
  const auto connection = connect();
  const auto observer = connect();
  say_and_leave(*connection, "SELECT pg_sleep(600)");
  ASSERT_TRUE(is_running(*observer, *connection));
  CancelOperation cancel(*connection);
  run(cancel);
  EXPECT_EQ(cancel.error(), nullptr);
  const ResultPtr result(PQgetResult(connection->raw()));
  EXPECT_STREQ(PQresultErrorField(result.get(), PG_DIAG_SQLSTATE), "57014");
}

TEST(Cancel, of_an_idle_connection_does_nothing) {
  const auto connection = connect();
  CancelOperation cancel(*connection);
  run(cancel);
  EXPECT_EQ(cancel.error(), nullptr);
  EXPECT_EQ(say(*connection, "SELECT 1"), "1");
}

// B29
TEST(Cancel, that_comes_late_never_hits_the_next_statement) {
  test::CancelGate gate(test::server().port());
  const auto connection = connect_through(gate);
  say_and_leave(*connection, "SELECT pg_sleep(0.05)");
  ResetOperation reset(*connection, ResetMode::tracked);
  ASSERT_FALSE(reset.advance(Ready::none).done);
  const auto patience = SteadyClock::now() + 10s;
  do {
    ASSERT_FALSE(run_until(reset, SteadyClock::now() + 10ms));
  } while (!gate.wait_for_held(1, 0ms) && SteadyClock::now() < patience);
  ASSERT_TRUE(gate.wait_for_held(1, 0ms));
  pollfd answer{connection->fd(), POLLIN, 0};
  ASSERT_EQ(poll(&answer, 1, 10'000), 1) << "the statement ends by itself";

  // The answer is there; the cancel is still under way: the connection is not clean, however long it takes.
  ASSERT_FALSE(run_until(reset, SteadyClock::now() + 100ms));
  EXPECT_FALSE(connection->clean());
  gate.open();
  run(reset);
  ASSERT_EQ(reset.error(), nullptr) << reset.error()->message;
  EXPECT_EQ(gate.delivered(), 1);
  EXPECT_TRUE(connection->clean());
  for (int i = 0; i < 20; ++i)
    ASSERT_EQ(say(*connection, "SELECT 'not cancelled' FROM pg_sleep(0.01)"), "not cancelled");
}

// The cancel is faster than the statement, and hits nothing: it must be sent again.
TEST(Cancel, that_overtakes_its_statement_is_sent_again) {
  test::CancelGate gate(test::server().port());
  gate.open();
  const auto connection = connect_through(gate);
  gate.hold_data();
  say_and_leave(*connection, "SELECT pg_sleep(600)");
  ResetOperation reset(*connection, ResetMode::tracked);
  const auto patience = SteadyClock::now() + 10s;
  while (gate.delivered() < 1 && SteadyClock::now() < patience) {
    ASSERT_FALSE(run_until(reset, SteadyClock::now() + 1ms));
  }
  ASSERT_GE(gate.delivered(), 1) << "a cancel reached the server before its statement did";
  gate.release_data();
  run(reset);
  EXPECT_EQ(reset.error(), nullptr);
  EXPECT_GE(gate.delivered(), 2);
}

// B29, without a gate: the cancel races the end of the statement, in every order that happens.
TEST(Cancel, that_races_the_end_of_its_statement_hits_no_other) {
  const auto connection = connect();
  for (int i = 0; i < 200; ++i) {
    say_and_leave(*connection, "SELECT pg_sleep(" + std::to_string(0.00001 * (i % 50)) + ")");
    ResetOperation reset(*connection, ResetMode::rollback);
    run(reset);
    ASSERT_EQ(reset.error(), nullptr) << reset.error()->message;
    ASSERT_EQ(say(*connection, "SELECT 'not cancelled' FROM pg_sleep(0.0005)"), "not cancelled");
  }
}

// B35
TEST(Cancel, to_a_black_hole_is_bounded_by_the_driver_and_dropped_at_once) {
  test::CancelGate gate(test::server().port());
  const auto connection = connect_through(gate);
  const std::size_t threads_before = threads();
  say_and_leave(*connection, "SELECT pg_sleep(600)");
  {
    ResetOperation reset(*connection, ResetMode::tracked);
    EXPECT_FALSE(run_until(reset, SteadyClock::now() + 200ms));
    EXPECT_STREQ(reset.phase(), "cancelling what is outstanding");
  }
  EXPECT_FALSE(connection->clean());
  // A worker (libpq before 17) ends as soon as the peer lets go of it.
  gate.open();
  const auto deadline = SteadyClock::now() + 10s;
  while (threads() > threads_before && SteadyClock::now() < deadline) std::this_thread::yield();
  EXPECT_LE(threads(), threads_before);
}

TEST(Cancel, outlives_the_connection_it_was_made_for) {
  test::CancelGate gate(test::server().port());
  auto connection = connect_through(gate);
  say_and_leave(*connection, "SELECT pg_sleep(600)");
  {
    CancelOperation cancel(*connection);
    EXPECT_FALSE(cancel.advance(Ready::none).done);
    ASSERT_TRUE(run_until(cancel, SteadyClock::now() + 100ms) || gate.wait_for_held(1));
  }
  connection.reset();
  gate.open();
}

TEST(Cancel, workers_are_limited_in_number) {
  if (has_nonblocking_cancel()) GTEST_SKIP() << "this libpq cancels without workers";
  test::CancelGate gate(test::server().port());
  const auto connection = connect_through(gate);
  std::vector<std::unique_ptr<CancelOperation>> cancels;
  for (int i = 0; i < CancelOperation::max_workers; ++i) {
    cancels.push_back(std::make_unique<CancelOperation>(*connection));
    ASSERT_FALSE(cancels.back()->advance(Ready::none).done);
  }
  CancelOperation one_too_many(*connection);
  EXPECT_TRUE(one_too_many.advance(Ready::none).done);
  ASSERT_NE(one_too_many.error(), nullptr);
  gate.open();
  for (const auto& cancel : cancels) {
    run(*cancel);
    EXPECT_EQ(cancel->error(), nullptr);
  }
  cancels.clear();
  const auto deadline = SteadyClock::now() + 10s;  // the last worker gives up its place after it has reported
  do {
    CancelOperation again(*connection);
    run(again);
    if (again.error() == nullptr) return;
  } while (SteadyClock::now() < deadline);
  FAIL() << "places of workers that ended were not given back";
}

TEST(Cancel, that_reaches_nobody_says_so) {
  auto gate = std::make_unique<test::CancelGate>(test::server().port());
  const auto connection = connect_through(*gate);
  gate.reset();
  CancelOperation cancel(*connection);
  run(cancel);
  ASSERT_NE(cancel.error(), nullptr);
  EXPECT_EQ(cancel.error()->kind, ErrorKind::connection_failed);
  EXPECT_FALSE(cancel.error()->connection_survives);
}

}  // namespace
}  // namespace copg::pq
