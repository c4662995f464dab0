// Cancelling: in the queue, while connecting, in a query, at the very tick of a grant or an answer.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <memory>
#include <optional>
#include <random>
#include <variant>
#include <vector>

#include "async/async_test.hpp"
#include "support/gate.hpp"

namespace copg::test {
namespace {

using asio::cancellation_type;
using namespace asio::experimental::awaitable_operators;

bool is_aborted(const std::exception_ptr& error) {
  if (!error) return false;
  try {
    std::rethrow_exception(error);
  } catch (const boost::system::system_error& thrown) {
    return thrown.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

struct Cancelling : AsyncTest {
  /// A call that can be cancelled, and what it completed with.
  struct Cancellable {
    asio::cancellation_signal signal;
    std::exception_ptr error;
    bool completed = false;

    auto handler() {
      return asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr thrown, const auto&...) {
        EXPECT_FALSE(completed) << "completed twice";
        completed = true;
        error = std::move(thrown);
      });
    }
  };
  AsyncPooledDatabase open_pool(PoolOptions options) {
    auto db = make(std::move(options));
    run([&]() -> awaitable<void> { co_await db.open(); }());
    return db;
  }
  void expect_serves(AsyncPooledDatabase& db) {
    run([&]() -> awaitable<void> {
      const int value = co_await db.fetch_val<int>("SELECT 271");
      EXPECT_EQ(value, 271);
    }());
  }
};

TEST_F(Cancelling, in_the_queue_frees_the_place_at_once) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  Cancellable waiting;
  run([&]() -> awaitable<void> {
    AsyncConnection conn = co_await db.connection();
    db.execute("SELECT 1", params(), waiting.handler());
    EXPECT_EQ(db.stats().requests_waiting, 1U);
    waiting.signal.emit(cancellation_type::total);
    EXPECT_EQ(db.stats().requests_waiting, 0U) << "not left at once";
    EXPECT_FALSE(waiting.completed) << "completed inside emit";
    for (int i = 0; i < 10 && !waiting.completed; ++i) co_await asio::post(io, asio::use_awaitable);
    EXPECT_TRUE(is_aborted(waiting.error)) << "waits for the connection";
  }());
  expect_serves(db);
}

TEST_F(Cancelling, a_waiter_for_a_connection_leaves_the_others_their_order) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  std::vector<int> order;
  std::vector<std::unique_ptr<Cancellable>> calls;
  run([&]() -> awaitable<void> {
    AsyncConnection conn = co_await db.connection();
    for (int i = 0; i < 5; ++i) {
      calls.push_back(std::make_unique<Cancellable>());
      db.execute("SELECT 1", params(),
                 asio::bind_cancellation_slot(calls.back()->signal.slot(),
                                              [&order, i](const std::exception_ptr& error, const Result&) {
                                                order.push_back(error ? -i : i);
                                              }));
    }
    calls[2]->signal.emit(cancellation_type::terminal);
    conn.release();
  }());
  run_until([&] { return order.size() == 5; });
  EXPECT_EQ(order, (std::vector<int>{-2, 0, 1, 3, 4}));
}

TEST_F(Cancelling, a_running_query_releases_the_caller_at_once_and_cancels_on_the_server) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    const int pid = co_await db.fetch_val<int>("SELECT pg_backend_pid()");
    Cancellable query;
    db.execute("SELECT pg_sleep(60)", params(), query.handler());
    query.signal.emit(cancellation_type::terminal);
    co_await asio::post(io, asio::use_awaitable);
    co_await asio::post(io, asio::use_awaitable);
    EXPECT_TRUE(is_aborted(query.error)) << "the caller waits for the server";
    // The next caller gets the same connection, cleaned, within the time of a cancel.
    const int same = co_await db.fetch_val<int>("SELECT pg_backend_pid()");
    EXPECT_EQ(same, pid);
  }());
  expect_serves(db);
}

TEST_F(Cancelling, total_comes_too_late_for_a_query_that_was_sent) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  Cancellable query;
  db.execute("SELECT pg_sleep(0.05)", params(), query.handler());
  query.signal.emit(cancellation_type::total);
  run_until([&] { return query.completed; });
  EXPECT_FALSE(query.error);
}

TEST_F(Cancelling, a_timer_beside_a_query_wins) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    asio::steady_timer timer(io, 50ms);
    const auto won = co_await (db.execute("SELECT pg_sleep(60)") || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(won.index(), 1U);
  }());
  expect_serves(db);
}

TEST_F(Cancelling, a_transaction_between_two_statements_ends_it_for_good) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.execute("DROP TABLE IF EXISTS half; CREATE TABLE half (n int)");
    AsyncConnection conn = co_await db.connection();
    asio::steady_timer inserted(io, 30s);
    asio::steady_timer never(io, 30s);
    const auto won = co_await (conn.transaction([&](AsyncConnection& tx) -> awaitable<void> {
      co_await tx.execute("INSERT INTO half VALUES (1)");
      inserted.cancel();
      co_await never.async_wait(asio::use_awaitable);
    }) || inserted.async_wait(asio::as_tuple(asio::use_awaitable)));
    EXPECT_EQ(won.index(), 1U);
    bool told = false;
    try {
      co_await conn.transaction(
          [](AsyncConnection& tx) -> awaitable<void> { co_await tx.execute("INSERT INTO half VALUES (2)"); });
    } catch (const UsageError&) {
      told = true;
    }
    conn.release();
    const int count = co_await db.fetch_val<int>("SELECT count(*)::int FROM half");
    EXPECT_EQ(count, told ? 0 : 1) << "a transaction that was committed is not there, or one that was not is";
    EXPECT_TRUE(told);
  }());
}

TEST_F(Cancelling, a_query_beside_a_timer_wins) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    asio::steady_timer timer(io, 30s);
    const auto won = co_await (db.fetch_val<int>("SELECT 5") || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(won.index(), 0U);
    EXPECT_EQ(std::get<0>(won), 5);
  }());
}

TEST_F(Cancelling, while_the_pool_connects) {
  Gate gate(server().port());
  AsyncPooledDatabase db(io, Config::from_url(gate.url()), {.min_size = 1, .max_size = 1, .timeout = 20s});
  gate.fall_silent();
  Cancellable opening;
  Cancellable waiting;
  db.open(opening.handler());
  db.execute("SELECT 1", params(), waiting.handler());
  opening.signal.emit(cancellation_type::terminal);
  waiting.signal.emit(cancellation_type::terminal);
  run_until([&] { return opening.completed && waiting.completed; });
  EXPECT_TRUE(is_aborted(opening.error));
  EXPECT_TRUE(is_aborted(waiting.error));
  gate.open();
  expect_serves(db);
  run([&]() -> awaitable<void> { co_await db.close(); }());
  run_out();
}

TEST_F(Cancelling, in_the_tick_of_the_grant_never_loses_the_connection) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  for (int i = 0; i < 200; ++i) {
    Cancellable waiting;
    run([&]() -> awaitable<void> {
      AsyncConnection conn = co_await db.connection();
      db.execute("SELECT 1", params(), waiting.handler());
      conn.release();  // grants it to the one who waits
      waiting.signal.emit(cancellation_type::terminal);
    }());
    run_until([&] { return waiting.completed; });
    EXPECT_TRUE(is_aborted(waiting.error));
  }
  EXPECT_EQ(db.stats().pool_available, 1);
  expect_serves(db);
}

TEST_F(Cancelling, a_query_whose_answer_is_in_the_socket_already) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  for (int i = 0; i < 50; ++i) {
    Cancellable query;
    db.execute("SELECT 1", params(), query.handler());
    // The server answers while the event loop does not look.
    PooledDatabase other(config(), {.min_size = 1, .max_size = 1});
    other.execute("SELECT 1");
    query.signal.emit(cancellation_type::terminal);
    run_until([&] { return query.completed; });
    EXPECT_TRUE(!query.error || is_aborted(query.error));
  }
  expect_serves(db);
}

TEST_F(Cancelling, late_never_hits_the_next_callers_query) {  // B29
  Gate gate(server().port());
  AsyncPooledDatabase db(io, Config::from_url(gate.url()), {.min_size = 1, .max_size = 1, .timeout = 20s});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  gate.hold_cancels();
  Cancellable query;
  db.execute("SELECT pg_sleep(0.5)", params(), query.handler());
  query.signal.emit(cancellation_type::terminal);
  run_until([&] { return query.completed && gate.cancels_held() > 0; });
  std::optional<int> next;
  std::exception_ptr error;
  db.fetch_val<int>("SELECT 8 FROM pg_sleep(0.2)", params(), [&](std::exception_ptr thrown, int value) {
    error = std::move(thrown);
    next = value;
  });
  // By now the first query has ended by itself; its cancel is still on the way.
  PooledDatabase beside(config(), {.min_size = 1, .max_size = 1});
  beside.execute("SELECT pg_sleep(0.7)");
  gate.open();
  run_until([&] { return next.has_value(); });
  EXPECT_FALSE(error);
  EXPECT_EQ(next, 8);
  run([&]() -> awaitable<void> { co_await db.close(); }());
}

TEST_F(Cancelling, a_coroutine_cancelled_in_a_transaction_rolls_it_back) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.execute("CREATE TABLE cancelled (n int)");
    asio::steady_timer timer(io, 100ms);
    co_await (db.transaction([](AsyncConnection& tx) -> awaitable<void> {
      co_await tx.execute("INSERT INTO cancelled VALUES (1)");
      co_await tx.execute("SELECT pg_sleep(60)");
    }) || timer.async_wait(asio::use_awaitable));
    const int left = co_await db.fetch_val<int>("SELECT count(*) FROM cancelled");
    EXPECT_EQ(left, 0);
    co_await db.execute("DROP TABLE cancelled");
  }());
}

TEST_F(Cancelling, a_connection_that_is_let_go_of_in_a_query_ends_it) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  Cancellable query;
  run([&]() -> awaitable<void> {
    AsyncConnection conn = co_await db.connection();
    conn.execute("SELECT pg_sleep(60)", params(), query.handler());
  }());
  run_until([&] { return query.completed; });
  EXPECT_TRUE(is_aborted(query.error));
  expect_serves(db);
}

TEST_F(Cancelling, each_of_many_at_random_moments_loses_nothing_and_mixes_nothing_up) {
  auto db = open_pool({.min_size = 2, .max_size = 4});
  std::mt19937 random(7);
  int completed = 0;
  int answered = 0;
  constexpr int calls = 400;
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  std::vector<std::unique_ptr<asio::steady_timer>> timers;
  for (int i = 0; i < calls; ++i) {
    signals.push_back(std::make_unique<asio::cancellation_signal>());
    timers.push_back(std::make_unique<asio::steady_timer>(
        io, std::chrono::microseconds(std::uniform_int_distribution<int>(0, 300'000)(random))));
    db.fetch_val<int>("SELECT $1::int FROM pg_sleep(0.002)", params(i),
                      asio::bind_cancellation_slot(signals.back()->slot(),
                                                   [&, i](const std::exception_ptr& error, int value) {
                                                     ++completed;
                                                     if (error) {
                                                       EXPECT_TRUE(is_aborted(error));
                                                     } else {
                                                       ++answered;
                                                       EXPECT_EQ(value, i) << "another's row";
                                                     }
                                                   }));
    timers.back()->async_wait(
        [signal = signals.back().get()](const auto&) { signal->emit(cancellation_type::terminal); });
  }
  run_until([&] { return completed == calls; });
  EXPECT_GT(answered, 0);
  EXPECT_LT(answered, calls);
  expect_serves(db);
  run_until([&] {
    const PoolStats stats = db.stats();
    return stats.pool_available == stats.pool_size && stats.requests_waiting == 0;
  });
}

}  // namespace
}  // namespace copg::test
