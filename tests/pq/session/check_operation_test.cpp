// A check tells a server that answers from one that does not. Real server.
#include "pq/check_operation.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "pq/session/session.hpp"

namespace copg::pq {
namespace {

using test::connect;
using test::run;
using test::say;
using namespace std::chrono_literals;

TEST(Check, of_a_server_that_answers_succeeds_and_leaves_the_connection_clean) {
  const auto connection = connect();
  CheckOperation check(*connection);
  run(check);
  EXPECT_EQ(check.error(), nullptr);
  EXPECT_TRUE(connection->clean());
  EXPECT_EQ(say(*connection, "SELECT 1"), "1");
}

TEST(Check, works_within_a_failed_transaction_and_leaves_it_failed) {
  const auto connection = connect();
  say(*connection, "BEGIN");
  say(*connection, "SELECT 1 / 0");
  CheckOperation check(*connection);
  run(check);
  EXPECT_EQ(check.error(), nullptr);
  EXPECT_TRUE(connection->in_failed_transaction());
}

TEST(Check, of_a_terminated_session_fails_and_marks_the_connection_dead) {
  const auto connection = connect();
  const auto observer = connect();
  ASSERT_EQ(
      say(*observer, "SELECT pg_terminate_backend(" + std::to_string(connection->backend_pid()) + ", 10000)"),
      "t");
  CheckOperation check(*connection);
  run(check);
  ASSERT_NE(check.error(), nullptr);
  EXPECT_EQ(check.error()->kind, ErrorKind::connection_failed);
  EXPECT_FALSE(check.error()->connection_survives);
  EXPECT_FALSE(connection->alive());
}

TEST(Check, of_a_frozen_server_is_bounded_by_the_driver) {
  testing::ThrowawayPostgres frozen;
  const auto connection = connect(frozen.url());
  frozen.freeze();
  {
    CheckOperation check(*connection);
    EXPECT_FALSE(test::run_until(check, test::SteadyClock::now() + 100ms));
  }
  EXPECT_FALSE(connection->clean());
  frozen.thaw();
}

}  // namespace
}  // namespace copg::pq
