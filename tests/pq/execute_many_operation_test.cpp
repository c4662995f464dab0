// Many rows against a real server: all or none, bounded, with the failing row's number.
#include "pq/execute_many_operation.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <functional>
#include <stdexcept>

#include "made_rows.hpp"
#include "session.hpp"
#include "support/counted_sockets.hpp"

namespace copg::test {
namespace {

using pq::BeginFirst;

/// Numbers, and a NULL at one place, which the table does not take.
MadeRows null_at(std::int64_t count, std::int64_t place) {
  return {count, [place](std::int64_t i, Params& row) {
            if (i == place) {
              row.add(nullptr);
            } else {
              row.add(static_cast<std::int32_t>(i));
            }
          }};
}

class ExecuteManyOperation : public ::testing::Test {
 protected:
  ExecuteManyOperation() : connection(connect()) {
    (void)execute(*connection, "CREATE TEMP TABLE many (a bigint NOT NULL, b text)");
  }
  std::string count() { return execute(*connection, "SELECT count(*) FROM many").text(); }

  std::unique_ptr<pq::Connection> connection;
  const std::string insert = "INSERT INTO many VALUES ($1)";
};

TEST_F(ExecuteManyOperation, all_rows_arrive_in_few_system_calls) {
  MadeRows rows = numbers(1000);
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  const SocketCalls before = socket_calls();
  run(operation);
  ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
  EXPECT_EQ(operation.affected_rows(), 1000);
  EXPECT_EQ(operation.rows_sent(), 1000);
  EXPECT_LT((socket_calls() - before).sends, 20);
  EXPECT_EQ(count(), "1000");
  EXPECT_FALSE(connection->in_transaction());
}

TEST_F(ExecuteManyOperation, no_rows_are_no_error) {
  MadeRows rows = numbers(0);
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  run(operation);
  EXPECT_EQ(operation.error(), nullptr);
  EXPECT_EQ(operation.affected_rows(), 0);
  EXPECT_TRUE(connection->protocol_idle());
}

TEST_F(ExecuteManyOperation, more_rows_than_fit_any_buffer_pass) {
  MadeRows rows(200000, [](std::int64_t i, Params& row) { row.add(i); });
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  run(operation, 60s);
  ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
  EXPECT_EQ(count(), "200000");
}

TEST_F(ExecuteManyOperation, answers_that_fill_every_buffer_do_not_block_the_sending) {
  // Each row of parameters makes the server answer with 10 kB.
  MadeRows rows = numbers(5000);
  pq::ExecuteManyOperation operation(*connection, "INSERT INTO many VALUES ($1) RETURNING repeat('x', 10000)",
                                     rows);
  run(operation, 60s);
  ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
  EXPECT_EQ(operation.affected_rows(), 5000);
}

TEST_F(ExecuteManyOperation, a_row_that_fails_is_named_and_none_is_kept) {
  for (const std::int64_t place : {0, 1, 4999, 99999}) {
    MadeRows rows = null_at(100000, place);
    pq::ExecuteManyOperation operation(*connection, insert, rows);
    run(operation, 60s);
    ASSERT_NE(operation.error(), nullptr);
    EXPECT_EQ(operation.error()->kind, ErrorKind::query_failed);
    EXPECT_TRUE(is_not_null_violation(operation.error()->sqlstate));
    EXPECT_EQ(operation.error()->row_index, place);
    EXPECT_TRUE(connection->protocol_idle());
    EXPECT_FALSE(connection->in_transaction());
    EXPECT_EQ(count(), "0");
  }
}

TEST_F(ExecuteManyOperation, an_early_error_stops_the_asking_for_rows) {
  MadeRows rows = null_at(10'000'000, 0);
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  run(operation, 60s);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_LE(operation.rows_sent(), 2 * pq::ExecuteManyOperation::max_outstanding);
}

TEST_F(ExecuteManyOperation, a_statement_that_does_not_parse_blames_no_row) {
  MadeRows rows = numbers(10);
  pq::ExecuteManyOperation operation(*connection, "INSERT INTO nowhere VALUES ($1)", rows);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->sqlstate.text(), "42P01");
  EXPECT_EQ(operation.error()->row_index, -1);
}

TEST_F(ExecuteManyOperation, in_an_open_transaction_it_is_part_of_it) {
  ASSERT_FALSE(execute(*connection, "INSERT INTO many VALUES (-1)", {}, BeginFirst::yes).error);
  MadeRows rows = numbers(10);
  pq::ExecuteManyOperation good(*connection, insert, rows);
  run(good);
  EXPECT_EQ(good.error(), nullptr);
  EXPECT_TRUE(connection->in_transaction());
  MadeRows bad = null_at(10, 3);
  pq::ExecuteManyOperation failing(*connection, insert, bad);
  run(failing);
  ASSERT_NE(failing.error(), nullptr);
  EXPECT_EQ(failing.error()->row_index, 3);
  EXPECT_TRUE(connection->in_failed_transaction());
  ASSERT_FALSE(execute(*connection, "ROLLBACK").error);
  EXPECT_EQ(count(), "0");
}

TEST_F(ExecuteManyOperation, it_can_begin_the_transaction_itself) {
  MadeRows rows = numbers(10);
  pq::ExecuteManyOperation operation(*connection, insert, rows, BeginFirst::yes);
  const SocketCalls before = socket_calls();
  run(operation);
  EXPECT_EQ((socket_calls() - before).sends, 1);
  EXPECT_EQ(operation.affected_rows(), 10);
  EXPECT_TRUE(connection->in_transaction());
}

TEST_F(ExecuteManyOperation, a_transaction_that_its_statement_begins_stays_open) {
  MadeRows rows(1, [](std::int64_t, Params&) {});
  pq::JoinableTexts joinable;
  pq::ExecuteManyOperation operation(*connection, "BEGIN", rows, BeginFirst::no, &joinable);
  run(operation);
  EXPECT_EQ(operation.error(), nullptr);
  EXPECT_TRUE(connection->in_transaction());
  EXPECT_FALSE(connection->in_failed_transaction());
}

TEST_F(ExecuteManyOperation, a_source_that_throws_rolls_back_and_its_exception_can_be_had) {
  for (const std::int64_t place : {0, 1, 50000}) {
    MadeRows rows(100000, [place](std::int64_t i, Params& row) {
      if (i == place) throw std::domain_error("row " + std::to_string(i));
      row.add(i);
    });
    pq::ExecuteManyOperation operation(*connection, insert, rows);
    run(operation, 60s);
    ASSERT_NE(operation.error(), nullptr);
    EXPECT_EQ(operation.error()->row_index, place);
    EXPECT_THROW(std::rethrow_exception(operation.source_error()), std::domain_error);
    EXPECT_TRUE(connection->protocol_idle());
    EXPECT_FALSE(connection->in_transaction());
    EXPECT_EQ(count(), "0");
  }
}

TEST_F(ExecuteManyOperation, a_source_that_throws_inside_a_transaction_leaves_it_failed) {
  ASSERT_FALSE(execute(*connection, "BEGIN").error);
  MadeRows rows(10, [](std::int64_t i, Params& row) {
    if (i == 5) throw std::domain_error("no");
    row.add(i);
  });
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  run(operation);
  EXPECT_TRUE(operation.source_error());
  EXPECT_TRUE(connection->in_failed_transaction());
}

TEST_F(ExecuteManyOperation, types_may_differ_from_row_to_row) {
  MadeRows rows(6, [](std::int64_t i, Params& row) {
    switch (i % 3) {
      case 0: row.add(std::int32_t{7}); break;
      case 1: row.add(std::int64_t{70'000'000'000}); break;
      default: row.add("700"); break;
    }
  });
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  run(operation);
  ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
  EXPECT_EQ(execute(*connection, "SELECT sum(a) FROM many").text(), "140000001414");
}

TEST_F(ExecuteManyOperation, a_row_whose_types_do_not_parse_is_named) {
  MadeRows rows(6, [](std::int64_t i, Params& row) {
    if (i == 4) {
      row.add(true);
    } else {
      row.add(i);
    }
  });
  pq::ExecuteManyOperation operation(*connection, insert, rows);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->row_index, 4);
}

TEST_F(ExecuteManyOperation, a_deferred_constraint_fails_it_at_the_end) {
  ASSERT_FALSE(
      execute(*connection, "CREATE TEMP TABLE late (a bigint UNIQUE DEFERRABLE INITIALLY DEFERRED)").error);
  MadeRows rows(3, [](std::int64_t, Params& row) { row.add(std::int64_t{1}); });
  pq::ExecuteManyOperation operation(*connection, "INSERT INTO late VALUES ($1)", rows);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->sqlstate.text(), "23505");
  EXPECT_EQ(operation.error()->row_index, -1);
  EXPECT_TRUE(connection->protocol_idle());
  EXPECT_EQ(execute(*connection, "SELECT count(*) FROM late").text(), "0");
}

TEST_F(ExecuteManyOperation, copy_is_refused_before_anything_is_sent) {
  MadeRows rows = numbers(3);
  pq::ExecuteManyOperation operation(*connection, "COPY many FROM STDIN", rows);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->kind, ErrorKind::usage);
  EXPECT_FALSE(operation.first_bytes_sent());
  EXPECT_TRUE(connection->protocol_idle());
}

TEST_F(ExecuteManyOperation, a_connection_lost_half_way_is_no_doubt_but_at_the_end_it_is) {
  {
    pq::Connection& lost = *connection;
    MadeRows rows(100000, [&](std::int64_t i, Params& row) {
      if (i == 50000) shutdown(lost.fd(), SHUT_RDWR);
      row.add(i);
    });
    pq::ExecuteManyOperation operation(*connection, insert, rows);
    run(operation);
    ASSERT_NE(operation.error(), nullptr);
    EXPECT_EQ(operation.error()->kind, ErrorKind::connection_failed);
    EXPECT_FALSE(connection->alive());
  }
  connection = connect();
  shutdown(connection->fd(), SHUT_RD);
  MadeRows rows = numbers(1);
  pq::ExecuteManyOperation operation(*connection, "SELECT $1::int", rows);
  run(operation);
  ASSERT_NE(operation.error(), nullptr);
  EXPECT_EQ(operation.error()->kind, ErrorKind::commit_unknown);
}

}  // namespace
}  // namespace copg::test
