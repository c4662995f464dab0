// COMMIT and ROLLBACK against a real server.
#include "pq/transaction_operation.hpp"

#include <gtest/gtest.h>

#include "session.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

std::optional<ErrorInfo> end(pq::Connection& connection, pq::TransactionCommand command) {
  pq::TransactionOperation operation(connection, command);
  run(operation);
  if (operation.error() == nullptr) return std::nullopt;
  return *operation.take_error();
}

class TransactionOperation : public ::testing::Test {
 protected:
  TransactionOperation() : connection(connect()) {
    (void)execute(*connection, "DROP TABLE IF EXISTS kept; CREATE TABLE kept (a int)");
  }
  std::string count() { return execute(*connection, "SELECT count(*) FROM kept").text(); }
  std::unique_ptr<pq::Connection> connection;
};

TEST_F(TransactionOperation, commit_keeps_and_rollback_drops) {
  ASSERT_FALSE(execute(*connection, "INSERT INTO kept VALUES (1)", {}, pq::BeginFirst::yes).error);
  EXPECT_TRUE(connection->in_transaction());
  EXPECT_FALSE(end(*connection, pq::TransactionCommand::commit));
  EXPECT_TRUE(connection->clean());
  ASSERT_FALSE(execute(*connection, "INSERT INTO kept VALUES (1)", {}, pq::BeginFirst::yes).error);
  EXPECT_FALSE(end(*connection, pq::TransactionCommand::rollback));
  EXPECT_TRUE(connection->clean());
  EXPECT_EQ(count(), "1");
}

TEST_F(TransactionOperation, commit_costs_one_send) {
  ASSERT_FALSE(execute(*connection, "INSERT INTO kept VALUES (1)", {}, pq::BeginFirst::yes).error);
  const SocketCalls before = socket_calls();
  EXPECT_FALSE(end(*connection, pq::TransactionCommand::commit));
  EXPECT_EQ((socket_calls() - before).sends, 1);
}

TEST_F(TransactionOperation, committing_a_failed_transaction_is_an_error_that_says_so) {
  EXPECT_EQ(execute(*connection, "SELECT 1/0", {}, pq::BeginFirst::yes).text(), "22012");
  EXPECT_TRUE(connection->in_failed_transaction());
  const auto error = end(*connection, pq::TransactionCommand::commit);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, ErrorKind::query_failed);
  EXPECT_TRUE(error->connection_survives);
  EXPECT_NE(error->message.find("rolled back"), std::string::npos);
  EXPECT_TRUE(connection->clean());
}

TEST_F(TransactionOperation, a_deferred_constraint_that_fails_at_commit_is_the_servers_error) {
  ASSERT_FALSE(execute(*connection,
                       "DROP TABLE IF EXISTS late; CREATE TABLE late (a int UNIQUE DEFERRABLE INITIALLY "
                       "DEFERRED)")
                   .error);
  ASSERT_FALSE(execute(*connection, "INSERT INTO late VALUES (1), (1)", {}, pq::BeginFirst::yes).error);
  const auto error = end(*connection, pq::TransactionCommand::commit);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->sqlstate.text(), "23505");
  EXPECT_TRUE(connection->clean());
}

TEST_F(TransactionOperation, a_commit_whose_answer_never_came_is_in_doubt) {
  ASSERT_FALSE(execute(*connection,
                       "DROP TABLE IF EXISTS slow; CREATE TABLE slow (a int); "
                       "CREATE OR REPLACE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                       "PERFORM pg_sleep(60); RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER w AFTER "
                       "INSERT ON slow DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
                       "wait()")
                   .error);
  ASSERT_FALSE(execute(*connection, "INSERT INTO slow VALUES (1)", {}, pq::BeginFirst::yes).error);
  pq::TransactionOperation commit(*connection, pq::TransactionCommand::commit);
  ASSERT_FALSE(commit.advance(pq::Ready::none).done);
  const auto admin = connect();
  ASSERT_EQ(execute(*admin, "SELECT pg_terminate_backend($1)", params(connection->backend_pid())).text(),
            "t");
  run(commit);
  ASSERT_NE(commit.error(), nullptr);
  EXPECT_EQ(commit.error()->kind, ErrorKind::commit_unknown);
  EXPECT_EQ(commit.error()->sqlstate.text(), "57P01");
  EXPECT_FALSE(commit.error()->connection_survives);
  EXPECT_FALSE(connection->alive());
}

}  // namespace
}  // namespace copg::test
