// Streams of rows on an event loop.
#include <string>
#include <utility>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct AsyncStreams : AsyncTest {};

const std::string some = "SELECT i FROM generate_series(1, $1) AS i";
const std::string without_end = "SELECT generate_series(1, 2000000000)";

awaitable<std::vector<int>> read_all(AsyncRowStream stream) {
  std::vector<int> all;
  for (Result chunk = co_await stream.next(); !chunk.empty(); chunk = co_await stream.next())
    for (const Row row : chunk) all.push_back(row[0].as<int>());
  co_return all;
}

TEST_F(AsyncStreams, give_all_rows_and_leave_the_connection_usable_half_way) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    std::vector<int> expected;
    for (int i = 1; i <= 2500; ++i) expected.push_back(i);
    EXPECT_EQ(co_await read_all(co_await db.stream(some, 2500)), expected);
    const int pid = co_await db.fetch_val<int>("SELECT pg_backend_pid()");
    for (const bool autocommit : {true, false}) {
      AsyncConnection conn = co_await db.connection();
      conn.autocommit(autocommit);
      EXPECT_EQ(co_await read_all(conn.stream(some, 2500).in_chunks_of(7)), expected);
      {
        AsyncRowStream left = conn.stream(without_end);
        EXPECT_EQ((co_await left.next()).size(), 1000U);
        if (autocommit) {
          std::string error;
          try {
            co_await conn.execute("SELECT 1");
          } catch (const UsageError& refused) {
            error = refused.what();
          }
          EXPECT_NE(error.find("a stream of rows is open"), std::string::npos) << error;
        }
      }
      EXPECT_EQ(co_await conn.fetch_val<int>("SELECT pg_backend_pid()"), pid);
    }
    {
      AsyncRowStream left = co_await db.within(std::chrono::seconds(10)).stream(without_end);
      EXPECT_EQ((co_await left.next()).size(), 1000U);
    }
    EXPECT_EQ(co_await db.fetch_val<int>("SELECT pg_backend_pid()"), pid);
  }());
}

struct Numbered {
  int number = 0;
  std::string text;
};

TEST_F(AsyncStreams, give_chunks_of_values_and_structs) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncRowStream rows = co_await db.stream("SELECT i, 'r' || i FROM generate_series(1, 25) AS i");
    rows = std::move(rows).in_chunks_of(10);
    std::vector<std::size_t> sizes;
    int last = 0;
    for (auto chunk = co_await rows.next<Numbered>(); !chunk.empty();
         chunk = co_await rows.next<Numbered>()) {
      sizes.push_back(chunk.size());
      for (const Numbered& row : chunk) {
        EXPECT_EQ(row.number, ++last);
        EXPECT_EQ(row.text, "r" + std::to_string(last));
      }
    }
    EXPECT_EQ(sizes, (std::vector<std::size_t>{10, 10, 5}));
    rows.close();
    AsyncRowStream wrong = (co_await db.stream(some, 20)).in_chunks_of(10);
    std::string error;
    try {
      static_cast<void>(co_await wrong.next<Numbered>());
    } catch (const Error& misfit) {
      error = misfit.what();
    }
    EXPECT_NE(error.find("column"), std::string::npos) << error;
    const std::vector<int> rest{11, 12, 13, 14, 15, 16, 17, 18, 19, 20};
    EXPECT_EQ(co_await wrong.next<int>(), rest);
  }());
}

TEST_F(AsyncStreams, are_what_a_result_that_is_too_large_points_to) {
  auto db = make({.min_size = 1, .max_size = 1, .max_result_bytes = 1 << 20});
  run([&]() -> awaitable<void> {
    co_await db.open();
    for (int use = 0; use < 3; ++use) {
      std::string error;
      try {
        co_await db.execute(without_end);
      } catch (const DataError& refused) {
        error = refused.what();
      }
      EXPECT_NE(error.find("read them in chunks, with stream"), std::string::npos) << error;
    }
    EXPECT_EQ((co_await read_all(co_await db.stream(some, 300'000))).size(), 300'000U);
  }());
}

TEST_F(AsyncStreams, end_with_their_error_and_with_their_connection) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    conn.autocommit(true);
    int failed = 0;
    AsyncRowStream late = conn.stream("SELECT 1 / (5000 - i) FROM generate_series(1, 10000) AS i");
    try {
      while (!(co_await late.next()).empty()) {
      }
    } catch (const QueryFailed&) {
      ++failed;
    }
    EXPECT_TRUE((co_await late.next()).empty());
    AsyncRowStream orphan = conn.stream(without_end);
    EXPECT_FALSE((co_await orphan.next()).empty());
    conn.release();
    try {
      co_await orphan.next();
    } catch (const UsageError&) {
      ++failed;
    }
    orphan.close();
    EXPECT_THROW((void)orphan.next(), UsageError);
    EXPECT_EQ(failed, 2);
    EXPECT_EQ(co_await db.fetch_val<int>("SELECT 1"), 1);
  }());
}

}  // namespace
}  // namespace copg::test
