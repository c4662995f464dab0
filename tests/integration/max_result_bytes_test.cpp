// Results above max_result_bytes: what is refused, what it leaves, and that nothing else is different.
#include "integration/database_test.hpp"

#include <string>
#include <tuple>
#include <vector>

#include "pq/session/peak_memory.hpp"
#include "support/eventually.hpp"

namespace copg::test {
namespace {

constexpr std::int64_t mebibyte = 1 << 20;
const std::string too_many = "SELECT generate_series(1, 2000000000)";
const std::string names_the_way_out = "max_result_bytes = 1048576, which was reached after";

class ResultLimits : public DatabaseTest {
 protected:
  PooledDatabase open_one(std::int64_t most = mebibyte) {
    return open({.min_size = 1, .max_size = 1, .timeout = 30s, .max_result_bytes = most});
  }
  template <class Call>
  static std::string refusal(Call call) {
    try {
      call();
    } catch (const DataError& error) {
      EXPECT_TRUE(error.info().connection_survives);
      EXPECT_NE(error.info().message.find(names_the_way_out), std::string::npos) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "it was not refused";
    return {};
  }
};

TEST_F(ResultLimits, a_result_without_end_is_refused_at_once_and_the_pool_goes_on) {
  PooledDatabase db = open_one();
  const std::string shown = refusal([&] { db.execute(too_many); });
  EXPECT_NE(shown.find("read them in chunks, with stream"), std::string::npos) << shown;
  EXPECT_NE(shown.find("generate_series"), std::string::npos) << shown;
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  // Under a name, from the third use on.
  for (int i = 0; i < 4; ++i) refusal([&] { std::ignore = db.fetch_all<int>(too_many); });
  EXPECT_EQ(db.fetch_val<int>("SELECT pg_backend_pid()"), pid);
  const PeakMemory peak;
  refusal([&] { db.execute(too_many); });
  if (memory_can_be_measured) {
    EXPECT_LT(peak.grown_kib(), 16 * 1024);
  }
}

TEST_F(ResultLimits, on_a_lease_the_next_statement_finds_the_connection_free) {
  PooledDatabase db = open_one();
  Connection conn = db.connection();
  conn.autocommit(true);
  refusal([&] { conn.execute(too_many); });
  EXPECT_EQ(conn.fetch_val<int>("SELECT 1"), 1);
  refusal([&] { conn.execute(too_many + " WHERE $1", true); });
  EXPECT_EQ(conn.fetch_val<int>("SELECT 2"), 2);
}

TEST_F(ResultLimits, inside_a_transaction_the_rest_is_dropped_and_the_transaction_goes_on) {
  PooledDatabase db = open_one();
  const std::string many = "SELECT generate_series(1, 300000)";
  db.transaction([&](Connection& conn) {
    conn.execute("CREATE TEMPORARY TABLE kept (i int)");
    for (int use = 0; use < 3; ++use) refusal([&] { conn.execute(many); });
    refusal([&] { conn.transaction([&](Connection& inner) { inner.execute(many); }); });
    conn.execute("INSERT INTO kept VALUES (7)");
    EXPECT_EQ(conn.fetch_val<int>("SELECT i FROM kept"), 7);
  });
  refusal([&] { db.transaction([&](Connection& it) { it.execute(many); }); });
  EXPECT_THROW(db.within(300ms).transaction([&](Connection& it) { it.execute(too_many); }), QueryTimeout);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(ResultLimits, what_writes_is_executed_to_its_end) {
  PooledDatabase db = open_one();
  db.execute("CREATE TABLE wide (i int, t text)");
  const std::string insert =
      "INSERT INTO wide SELECT i, repeat('x', 1000) FROM generate_series(1, 5000) i RETURNING t";
  const std::string shown = refusal([&] { db.execute(insert); });
  EXPECT_NE(shown.find("the statement was executed"), std::string::npos) << shown;
  EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM wide"), 5000);
}

TEST_F(ResultLimits, only_the_statement_of_a_pipeline_that_is_too_large_is_refused) {
  PooledDatabase db = open_one();
  Connection conn = db.connection();
  conn.autocommit(true);
  Pipeline pipeline;
  pipeline.add("SELECT 1");
  pipeline.add("SELECT repeat('x', 1000) FROM generate_series(1, 5000)");
  pipeline.add("SELECT i FROM generate_series(1, 3) i");
  for (int round = 0; round < 4; ++round) {
    const auto answers = conn.execute(pipeline);
    EXPECT_EQ(answers.at(0).value().to_value<int>(), 1);
    refusal([&] { std::ignore = answers.at(1).value(); });
    EXPECT_EQ(answers.at(2).value().to_vector<int>(), (std::vector<int>{1, 2, 3}));
  }
}

TEST_F(ResultLimits, a_stream_reads_what_is_refused_otherwise) {
  PooledDatabase db = open_one();
  std::int64_t rows = 0;
  for (const Row row : db.stream("SELECT i, repeat('x', 100) FROM generate_series(1, 50000) i")) {
    std::ignore = row;
    ++rows;
  }
  EXPECT_EQ(rows, 50000);
  db.transaction([&](Connection& it) {
    EXPECT_EQ(it.fetch_val<int>("SELECT 1"), 1);
    refusal([&] {
      auto stream = it.stream("SELECT repeat('x', 1000) FROM generate_series(1, 50000)").in_chunks_of(5000);
      for (const Row row : stream) std::ignore = row;
    });
  });
}

TEST_F(ResultLimits, a_result_below_it_is_as_without_it) {
  PooledDatabase limited = open_one();
  PooledDatabase free = open_one(0);
  free.execute("CREATE TABLE pairs (i int, t text)");
  const std::vector<std::string> texts{
      "SELECT 1, NULL, ''",
      "SELECT i, NULLIF(i, 2), repeat('y', i) FROM generate_series(1, 100) i",
      "SELECT 1 WHERE false",
      "INSERT INTO pairs VALUES (1, 'a'), (2, NULL)",
      "INSERT INTO pairs VALUES (3, 'c') RETURNING i, t",
      "UPDATE pairs SET t = 'x' WHERE i = 3 RETURNING t",
      "SHOW server_version",
      "EXPLAIN SELECT 1",
      "SELECT 1; SELECT 2, 3",
      "VALUES (1), (2)",
      "SET application_name = 'a'",
      "",
  };
  for (const std::string& text : texts) {
    for (int use = 0; use < 3; ++use) {
      const Result a = limited.execute(text);
      const Result b = free.execute(text);
      EXPECT_EQ(a.command_tag(), b.command_tag()) << text;
      EXPECT_EQ(a.affected_rows(), b.affected_rows()) << text;
      EXPECT_EQ(a.returns_rows(), b.returns_rows()) << text;
      ASSERT_EQ(a.size(), b.size()) << text;
      ASSERT_EQ(a.columns(), b.columns()) << text;
      for (std::size_t column = 0; column < a.columns(); ++column) {
        EXPECT_EQ(a.column_name(column), b.column_name(column)) << text;
        EXPECT_EQ(a.column_type(column), b.column_type(column)) << text;
        for (std::size_t row = 0; row < a.size(); ++row) {
          using Value = std::optional<std::string>;
          EXPECT_EQ(a[row][column].as<Value>(), b[row][column].as<Value>()) << text;
        }
      }
    }
  }
}

TEST_F(ResultLimits, rows_without_columns_are_refused_rather_than_lost) {
  PooledDatabase db = open_one();
  for (int use = 0; use < 3; ++use) {
    const ErrorInfo info = error_of<DataError>([&] { db.execute("SELECT FROM generate_series(1, 3)"); });
    EXPECT_NE(info.message.find("rows without columns"), std::string::npos) << info.message;
    EXPECT_EQ(db.execute("SELECT FROM generate_series(1, 0)").size(), 0);
  }
  error_of<DataError>([&] {
    for (const Row row : db.stream("SELECT FROM generate_series(1, 3)")) std::ignore = row;
  });
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(ResultLimits, an_error_in_the_middle_of_the_rows_leaves_nothing_of_them) {
  PooledDatabase db = open_one();
  for (int use = 0; use < 3; ++use) {
    EXPECT_THROW(db.execute("SELECT 1 / (3 - i) FROM generate_series(1, 5) i"), QueryFailed);
    EXPECT_EQ(db.fetch_all<int>("SELECT i FROM generate_series(1, 2) i"), (std::vector<int>{1, 2}));
  }
}

}  // namespace
}  // namespace copg::test
