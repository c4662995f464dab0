// COPY on an event loop: rows, sources and sinks, and a COPY that stays open between calls.
#include <boost/asio/use_future.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct AsyncCopies : AsyncTest {};

struct CopiedJob {
  int id;
  std::optional<std::string> label;
};

/// Gives `count` lines, and throws at the end if it is told so.
class CountedLines final : public CopySource {
 public:
  explicit CountedLines(int count, bool throws = false) : count_(count), throws_(throws) {}
  std::string_view next() override {
    if (at_ == count_ && throws_) throw std::out_of_range("no more lines");
    if (at_ == count_) return {};
    line_ = std::to_string(at_++) + "\tx\n";
    return line_;
  }

 private:
  int count_;
  bool throws_;
  int at_ = 0;
  std::string line_;
};

class CopiedText final : public CopySink {
 public:
  void take(std::string_view piece) override { text += piece; }
  std::string text;
};

// GCC 12 can't compile lists in braces within a coroutine's co_await.
std::vector<CopiedJob> two_copied_jobs() { return {{1, "a\t"}, {2, std::nullopt}}; }
std::vector<std::string> bad_copied_ids() { return {"1", "x"}; }
CopyTarget copied_ids() { return {"copied_jobs", {"id"}}; }

awaitable<void> make_copied_jobs(AsyncPooledDatabase& db) {
  co_await db.open();
  co_await db.execute("DROP TABLE IF EXISTS copied_jobs; CREATE TABLE copied_jobs (id int, label text)");
}

TEST_F(AsyncCopies, rows_sources_and_sinks_go_through_pools_and_connections) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await make_copied_jobs(db);
    const std::vector<CopiedJob> jobs = two_copied_jobs();
    EXPECT_EQ(co_await db.copy_in("copied_jobs", jobs), 2);
    const std::vector<int> ids(50'000, 3);
    EXPECT_EQ(co_await db.within(20s).copy_in(copied_ids(), ids), 50'000);
    CountedLines lines(30'000);
    AsyncConnection conn = co_await db.connection();
    EXPECT_EQ(co_await conn.copy_in("COPY copied_jobs FROM STDIN", lines), 30'000);
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
    CopiedText text;
    EXPECT_EQ(co_await conn.copy_out("COPY (SELECT * FROM copied_jobs LIMIT 2) TO STDOUT", text), 2);
    EXPECT_EQ(text.text, "1\ta\\t\n2\t\\N\n");
    co_await conn.commit();
    EXPECT_EQ(co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM copied_jobs"), 80'002);
  }());
}

TEST_F(AsyncCopies, errors_and_exceptions_of_the_source_copy_nothing) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await make_copied_jobs(db);
    std::string context;
    try {
      co_await db.copy_in(copied_ids(), bad_copied_ids());
    } catch (const QueryFailed& error) {
      context = error.info().context;
    }
    EXPECT_EQ(context, "COPY copied_jobs, line 2, column id: \"x\"");
    CountedLines lines(100'000, true);
    bool thrown = false;
    try {
      co_await db.copy_in("COPY copied_jobs FROM STDIN", lines);
    } catch (const std::out_of_range&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_EQ(co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM copied_jobs"), 0);
  }());
}

TEST_F(AsyncCopies, one_that_is_open_takes_pieces_and_is_read_in_pieces) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await make_copied_jobs(db);
    AsyncConnection conn = co_await db.connection();
    AsyncCopy in = co_await conn.copy("COPY copied_jobs FROM STDIN");
    co_await in.write("1\to");
    co_await in.write("ne\n");
    for (int batch = 0; batch < 20; ++batch) {
      const std::vector<std::tuple<int, std::string>> rows(2'000, std::tuple(batch, "\t"));
      co_await in.write_rows(rows);
    }
    std::string refusal;
    try {
      co_await conn.execute("SELECT 1");
    } catch (const UsageError& error) {
      refusal = error.what();
    }
    EXPECT_NE(refusal.find("a COPY is open on the connection"), std::string::npos) << refusal;
    EXPECT_EQ(co_await in.finish(), 40'001);
    AsyncCopy out = co_await conn.within(20s).copy("COPY (SELECT id FROM copied_jobs ORDER BY id) TO STDOUT");
    std::size_t bytes = 0;
    while (true) {
      const std::string piece = co_await out.read();
      if (piece.empty()) break;
      EXPECT_EQ(piece.back(), '\n');
      bytes += piece.size();
    }
    EXPECT_EQ(bytes, 10U * 2'000 * 2 + 10U * 2'000 * 3 + 2);
    EXPECT_EQ(co_await out.finish(), 40'001);
    co_await conn.commit();
  }());
}

TEST_F(AsyncCopies, one_that_is_cancelled_leaves_a_usable_connection_and_one_that_is_dropped_a_clean_pool) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await make_copied_jobs(db);
    {
      AsyncConnection conn = co_await db.connection();
      conn.autocommit(true);
      AsyncCopy in = co_await conn.copy("COPY copied_jobs FROM STDIN");
      co_await in.write("1\tone\n");
      co_await in.cancel();
      AsyncCopy out = co_await conn.copy("COPY (SELECT generate_series(1, 100000000)) TO STDOUT");
      EXPECT_FALSE((co_await out.read()).empty());
      co_await out.cancel();
      EXPECT_EQ(co_await conn.fetch_val<int>("SELECT 1"), 1);
      AsyncCopy dropped = co_await conn.copy("COPY copied_jobs FROM STDIN");
      co_await dropped.write("1\tone\n");
    }
    EXPECT_EQ(co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM copied_jobs"), 0);
  }());
}

TEST_F(AsyncCopies, the_lease_may_end_before_the_copy_object) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await make_copied_jobs(db);
    AsyncConnection conn = co_await db.connection();
    AsyncCopy in = co_await conn.copy("COPY copied_jobs FROM STDIN");
    co_await in.write("1\tone\n");
    conn.release();
    bool refused = false;
    try {
      co_await in.write("2\ttwo\n");
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    EXPECT_EQ(co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM copied_jobs"), 0);
  }());
}

}  // namespace
}  // namespace copg::test
