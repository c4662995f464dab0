// Listeners on an event loop.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;

struct AsyncListeners : AsyncTest {};

std::string heard(const std::optional<Arrival>& arrival) {
  if (!arrival) return "(nothing)";
  if (const auto* const gap = std::get_if<Gap>(&*arrival))
    return gap->reconnected ? "(reconnected)" : "(gap)";
  return std::get<Notification>(*arrival).payload;
}

TEST_F(AsyncListeners, hear_what_is_sent_after_they_were_made) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncListener listener = co_await db.listener({"jobs"});
    EXPECT_EQ(db.stats().listening, 1U);
    co_await db.notify("jobs", "one");
    EXPECT_EQ(heard(co_await listener.next(10s)), "one");
    EXPECT_EQ(heard(co_await listener.next(10ms)), "(nothing)");
    EXPECT_EQ(heard(co_await listener.next(0s)), "(nothing)");
    co_await listener.add("more");
    EXPECT_EQ(listener.channels(), (std::vector<std::string>{"jobs", "more"}));
    co_await db.within(10s).notify("more");
    EXPECT_EQ(heard(co_await listener.next(10s)), "");
    listener.remove("jobs");
    AsyncConnection conn = co_await db.connection();
    conn.autocommit(true);
    co_await conn.notify("jobs", "removed");
    co_await conn.notify("more", "two");
    EXPECT_EQ(heard(co_await listener.next(10s)), "two");
    AsyncListener other = co_await db.within(10s).listener({"jobs"}, 1);
    co_await conn.notify("jobs", "three");
    EXPECT_EQ(heard(co_await other.next()), "three");
  }());
}

TEST_F(AsyncListeners, wait_for_what_comes_later) {
  auto db = make({.min_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncListener listener = co_await db.listener({"jobs"});
    std::string got;
    listener.next({}, [&](std::exception_ptr error, std::optional<Arrival> arrival) {
      EXPECT_FALSE(error);
      got = heard(arrival);
    });
    co_await db.notify("jobs", "later");
    while (got.empty()) co_await asio::post(asio::use_awaitable);
    EXPECT_EQ(got, "later");
    AsyncListener second = co_await db.listener({"jobs"});
    co_await db.notify("jobs", "again");
    EXPECT_EQ(heard(co_await second.next(10s)), "again");
    EXPECT_EQ(heard(co_await listener.next(10s)), "again");
  }());
}

TEST_F(AsyncListeners, lose_nothing_when_a_call_is_cancelled) {
  auto db = make({.min_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncListener listener = co_await db.listener({"jobs"});
    asio::cancellation_signal signal;
    bool cancelled = false;
    listener.next({}, asio::bind_cancellation_slot(
                          signal.slot(), [&](std::exception_ptr error, std::optional<Arrival> arrival) {
                            cancelled = error != nullptr && !arrival;
                          }));
    signal.emit(asio::cancellation_type::terminal);
    while (!cancelled) co_await asio::post(asio::use_awaitable);
    co_await db.notify("jobs", "one");
    EXPECT_EQ(heard(co_await listener.next(10s)), "one");
  }());
}

TEST_F(AsyncListeners, get_a_gap_and_end_with_their_pool) {
  auto db = make({.min_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncListener listener = co_await db.listener({"jobs"});
    co_await db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN %'");
    EXPECT_EQ(heard(co_await listener.next(10s)), "(reconnected)");
    co_await db.notify("jobs", "after");
    EXPECT_EQ(heard(co_await listener.next(10s)), "after");
    bool closed = false;
    listener.next({}, [&](std::exception_ptr error, const std::optional<Arrival>&) {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const PoolClosed&) {
        closed = true;
      }
    });
    co_await db.close();
    while (!closed) co_await asio::post(asio::use_awaitable);
    EXPECT_EQ(db.stats().listening, 0U);
  }());
}

TEST_F(AsyncListeners, refuse_names_and_calls_after_close) {
  auto db = make({.min_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    bool refused = false;
    try {
      (void)co_await db.listener({std::string(64, 'x')});
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    AsyncListener listener = co_await db.listener({"jobs"});
    listener.close();
    EXPECT_THROW(listener.remove("jobs"), UsageError);
    EXPECT_THROW((void)listener.channels(), UsageError);
    EXPECT_THROW((void)listener.next(), UsageError);
    EXPECT_THROW((void)AsyncListener().get_executor(), UsageError);
  }());
}

}  // namespace
}  // namespace copg::test
