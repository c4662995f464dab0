// Each asynchronous call: what it completes with, and that it takes every completion token.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <optional>
#include <tuple>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct Calls : AsyncTest {};

TEST_F(Calls, execute_gives_rows) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    const Result result = co_await db.execute("SELECT $1::int AS n, $2::text AS t", 7, "seven");
    EXPECT_EQ(result[0]["n"].as<int>(), 7);
    EXPECT_EQ(result[0]["t"].as<std::string>(), "seven");
    const int value = co_await db.fetch_val<int>("SELECT 41 + $1", 1);
    EXPECT_EQ(value, 42);
    const std::optional<int> none = co_await db.fetch_one<int>("SELECT 1 WHERE false");
    EXPECT_EQ(none, std::nullopt);
    const auto all =
        co_await db.fetch_all<std::tuple<int, std::string>>("SELECT i, i::text FROM generate_series(1, 2) i");
    EXPECT_EQ(all.at(1), std::tuple(2, std::string("2")));
    co_await db.close();
  }());
  run_out();
}

}  // namespace
}  // namespace copg::test
