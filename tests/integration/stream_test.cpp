// Streams of rows: what they give, what they leave, and what breaks them.
#include "integration/database_test.hpp"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "pq/session/peak_memory.hpp"
#include "support/eventually.hpp"

namespace copg::test {
namespace {

class Streams : public DatabaseTest {
 protected:
  PooledDatabase open_one(double timeout_s = 30) {
    return open({.min_size = 1, .max_size = 1, .timeout = Seconds(timeout_s)});
  }
  static std::vector<int> all_of(RowStream stream) {
    std::vector<int> all;
    for (const Row row : stream) all.push_back(row[0].as<int>());
    return all;
  }
  static std::vector<int> numbers(int count) {
    std::vector<int> all;
    for (int i = 1; i <= count; ++i) all.push_back(i);
    return all;
  }
};

const std::string series = "SELECT i FROM generate_series(1, $1) AS i";
const std::string portals = "SELECT count(*)::int FROM pg_cursors WHERE name <> ''";
// The rows of a function in FROM would be gathered by the server first.
const std::string endless = "SELECT generate_series(1, 2000000000)";

struct Numbered {
  int number = 0;
  std::string text;
};

TEST_F(Streams, give_all_rows_in_order_inside_and_outside_a_transaction) {
  PooledDatabase db = open_one();
  for (const int count : {0, 1, 9, 10, 11, 2500}) {
    EXPECT_EQ(all_of(db.stream(series, count).in_chunks_of(10)), numbers(count)) << count;
    Connection conn = db.connection();
    EXPECT_EQ(all_of(conn.stream(series, count).in_chunks_of(10)), numbers(count)) << count;
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
    EXPECT_EQ(conn.fetch_val<int>(portals), 0);
    conn.rollback();
    conn.autocommit(true);
    EXPECT_EQ(all_of(conn.stream(series, count)), numbers(count)) << count;
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  }
}

TEST_F(Streams, give_chunks_as_results_that_outlive_the_stream) {
  PooledDatabase db = open_one();
  std::vector<Result> chunks;
  {
    RowStream stream = db.stream(series, 25).in_chunks_of(10);
    for (Result chunk = stream.next(); !chunk.empty(); chunk = stream.next()) chunks.push_back(chunk);
    EXPECT_TRUE(stream.next().empty());
  }
  ASSERT_EQ(chunks.size(), 3U);
  EXPECT_EQ(chunks[0].size(), 10U);
  EXPECT_EQ(chunks[2].size(), 5U);
  EXPECT_EQ(chunks[2][4][0].as<int>(), 25);
  EXPECT_EQ(chunks[0].column_name(0), "i");
  EXPECT_TRUE(chunks[0].returns_rows());
}

TEST_F(Streams, give_structs_and_nulls_and_empty_strings) {
  PooledDatabase db = open_one();
  int at = 0;
  for (const Numbered& it : db.stream<Numbered>("SELECT i, i || '' FROM generate_series(1, 3000) AS i")) {
    ++at;
    EXPECT_EQ(it.number, at);
    EXPECT_EQ(it.text, std::to_string(at));
  }
  EXPECT_EQ(at, 3000);
  using Two = std::tuple<std::optional<std::string>, std::optional<std::string>>;
  std::vector<Two> rows;
  for (Two row : db.stream<Two>("VALUES (NULL, ''), ('', NULL), ('x', 'y')")) rows.push_back(std::move(row));
  EXPECT_EQ(rows, (std::vector<Two>{{std::nullopt, ""}, {"", std::nullopt}, {"x", "y"}}));
}

TEST_F(Streams, of_one_lease_stand_beside_other_statements_inside_a_transaction) {
  PooledDatabase db = open_one();
  Connection conn = db.connection();
  conn.execute("CREATE TEMP TABLE seen (i int)");
  RowStream other = conn.stream(series, 5).in_chunks_of(2);
  auto row = other.begin();
  for (const int i : conn.stream<int>(series, 5).in_chunks_of(2)) {
    EXPECT_EQ((*row)[0].as<int>(), i);
    conn.execute("INSERT INTO seen VALUES ($1)", i);
    ++row;
  }
  EXPECT_TRUE(row == RowStream::end());
  EXPECT_EQ(conn.fetch_val<int>("SELECT sum(i)::int FROM seen"), 15);
}

TEST_F(Streams, outside_a_transaction_let_nothing_else_onto_the_connection) {
  PooledDatabase db = open_one();
  Connection conn = db.connection();
  conn.autocommit(true);
  RowStream stream = conn.stream(endless).in_chunks_of(10);
  EXPECT_EQ(stream.next().size(), 10U);
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
  try {
    conn.execute("SELECT 1");
    FAIL() << "executed inside a stream";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("a stream of rows is open"), std::string::npos) << error.what();
  }
  EXPECT_THROW(all_of(conn.stream(series, 1)), UsageError);
  EXPECT_EQ(stream.next()[0][0].as<int>(), 11);
  conn.commit();  // there is nothing to commit
  stream.close();
  EXPECT_THROW((void)stream.next(), UsageError);
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Streams, that_are_left_half_way_cost_no_connection) {
  PooledDatabase db = open_one();
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  for (const bool autocommit : {true, false}) {
    Connection conn = db.connection();
    conn.autocommit(autocommit);
    for (const Row row : conn.stream(endless))
      if (row[0].as<int>() == 1500) break;
    EXPECT_EQ(conn.backend_pid(), pid);
    EXPECT_EQ(conn.fetch_val<int>("SELECT pg_backend_pid()"), pid);
    EXPECT_EQ(conn.fetch_val<int>(portals), 0);
  }
  for (const Row row : db.stream(endless))
    if (row[0].as<int>() == 1500) break;
  EXPECT_EQ(db.fetch_val<int>("SELECT pg_backend_pid()"), pid);
}

TEST_F(Streams, that_are_left_keep_the_transaction_and_its_tables_usable) {
  PooledDatabase db = open_one();
  Connection conn = db.connection();
  conn.execute("CREATE TEMP TABLE streamed AS SELECT i FROM generate_series(1, 5000) AS i");
  for (const Row row : conn.stream("SELECT i FROM streamed"))
    if (row[0].as<int>() == 10) break;
  conn.execute("TRUNCATE streamed");  // refused while a portal reads it
  conn.execute("SAVEPOINT inner_one");
  RowStream gone = conn.stream(series, 5000);
  EXPECT_EQ(gone.next().size(), 1000U);
  conn.execute("ROLLBACK TO SAVEPOINT inner_one");
  gone.close();
  EXPECT_EQ(conn.fetch_val<int>("SELECT count(*)::int FROM streamed"), 0);
  conn.commit();
}

TEST_F(Streams, of_a_statement_without_rows_execute_it) {
  PooledDatabase db = open_one();
  db.execute("DROP TABLE IF EXISTS unstreamed; CREATE TABLE unstreamed (i int)");
  EXPECT_TRUE(all_of(db.stream("INSERT INTO unstreamed VALUES (1)")).empty());
  Connection conn = db.connection();
  EXPECT_TRUE(all_of(conn.stream("INSERT INTO unstreamed VALUES (2)")).empty());
  EXPECT_EQ(all_of(conn.stream("INSERT INTO unstreamed SELECT 3 FROM generate_series(1, 3) RETURNING i")),
            (std::vector<int>{3, 3, 3}));
  conn.commit();
  EXPECT_EQ(all_of(conn.stream("SELECT sum(i)::int FROM unstreamed;")), (std::vector<int>{12}));
  conn.release();
  EXPECT_EQ(all_of(db.stream("WITH gone AS (DELETE FROM unstreamed RETURNING i) SELECT i FROM gone")).size(),
            5U);
}

TEST_F(Streams, refuse_what_is_no_stream) {
  PooledDatabase db = open_one();
  EXPECT_THROW(all_of(db.stream("SELECT 1; SELECT 2")), UsageError);
  EXPECT_THROW(all_of(db.stream("COPY pg_class TO STDOUT")), UsageError);
  EXPECT_THROW(all_of(db.stream("SELECT $1::int")), UsageError);
  EXPECT_THROW((void)db.stream("SELECT 1").in_chunks_of(0), UsageError);
  Connection conn = db.connection();
  EXPECT_THROW(all_of(conn.stream("SELECT 1", 2)), UsageError);
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Streams, end_with_the_error_of_the_statement) {
  PooledDatabase db = open_one();
  const std::string late = "SELECT 1 / (50000 - i) FROM generate_series(1, 100000) AS i";
  int rows = 0;
  try {
    for (const Row row : db.stream(late)) rows += static_cast<int>(row.size());
    FAIL() << "nothing was divided by zero";
  } catch (const QueryFailed& error) {
    EXPECT_EQ(error.sqlstate(), "22012"_sqlstate);
    EXPECT_EQ(error.info().query, late);
  }
  EXPECT_GT(rows, 48000);
  Connection conn = db.connection();
  try {
    all_of(conn.stream("SELECT nothing"));
    FAIL() << "there is such a column";
  } catch (const QueryFailed& error) {
    EXPECT_EQ(error.info().statement_position, 8);
  }
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
  conn.rollback();
  EXPECT_THROW(all_of(conn.stream(late)), QueryFailed);
  conn.rollback();
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Streams, end_with_a_wait_that_is_too_long) {
  PooledDatabase db = open_one();
  Connection conn = db.connection();
  conn.autocommit(true);
  RowStream slow = conn.within(std::chrono::milliseconds(100)).stream("SELECT 1 FROM pg_sleep(20)");
  EXPECT_THROW((void)slow.next(), QueryTimeout);
  EXPECT_TRUE(slow.next().empty());
  EXPECT_EQ(conn.transaction_status(), TransactionStatus::busy);
  conn.release();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Streams, of_a_killed_server_throw_and_the_pool_goes_on) {
  PooledDatabase db = open({.min_size = 0, .max_size = 2});
  for (const bool autocommit : {true, false}) {
    Connection conn = db.connection();
    conn.autocommit(autocommit);
    RowStream stream = conn.stream(endless);
    ASSERT_EQ(stream.next().size(), 1000U);
    db.execute("SELECT pg_terminate_backend($1)", conn.backend_pid());
    EXPECT_THROW(
        {
          while (!stream.next().empty()) {
          }
        },
        ConnectionFailed);
    EXPECT_TRUE(stream.next().empty());
  }
  EXPECT_EQ(all_of(db.stream(series, 3)), numbers(3));
}

TEST_F(Streams, of_a_closed_pool_throw) {
  PooledDatabase db = open_one();
  RowStream stream = db.stream(endless);
  ASSERT_FALSE(stream.next().empty());
  db.close(Seconds(0));
  EXPECT_THROW(
      {
        while (!stream.next().empty()) {
        }
      },
      PoolClosed);
}

TEST_F(Streams, that_outlive_their_lease_read_nobody_elses_rows) {
  PooledDatabase db = open_one();
  for (const bool autocommit : {true, false}) {
    Connection conn = db.connection();
    conn.autocommit(autocommit);
    RowStream stream = conn.stream(series, 5000);
    ASSERT_EQ(stream.next().size(), 1000U);
    conn.release();
    EXPECT_THROW((void)stream.next(), UsageError);
    conn = db.connection();
    conn.autocommit(autocommit);
    RowStream other = conn.stream(series, 3000);
    ASSERT_EQ(other.next().size(), 1000U);
    EXPECT_THROW((void)stream.next(), Error);
  }
}

TEST_F(Streams, hold_back_a_server_that_is_faster_and_take_bounded_memory) {
  if (!memory_can_be_measured) GTEST_SKIP() << "the sanitizer keeps what was freed";
  PooledDatabase db = open_one();
  const std::string wide = "SELECT repeat('x', 10000) FROM generate_series(1, 50000) AS i";
  const PeakMemory peak;
  std::size_t bytes = 0;
  for (const Row row : db.stream(wide)) bytes += row[0].as<std::string_view>().size();
  EXPECT_EQ(bytes, 500'000'000U);
  EXPECT_LT(peak.grown_kib(), 16 * 1024);
}

}  // namespace
}  // namespace copg::test
