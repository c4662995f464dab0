// A deadline of one's own on an event loop: `within`, and a cancellation that a timer sends.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/version.hpp>

// Boost has cancel_after since 1.86; before, the tests make its equivalent of a timer and a signal.
#if BOOST_VERSION >= 108600
#include <boost/asio/cancel_after.hpp>
#endif

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

using Clock = Deadline::Clock;

constexpr Seconds limit = 100ms;
constexpr double over_by_s = 0.12;

struct AsyncWithin : AsyncTest {
  /// A pool of one connection, and a table.
  AsyncPooledDatabase one(PoolOptions options = {}) {
    options.min_size = options.max_size = 1;
    auto db = make(std::move(options));
    run([&]() -> awaitable<void> {
      co_await db.open(asio::as_tuple(asio::use_awaitable));  // whose timeout may be short
      co_await db.wait(20s);
      co_await db.within(20s).execute("DROP TABLE IF EXISTS kept; CREATE TABLE kept (n int)");
    }());
    return db;
  }
  template <class E>
  awaitable<double> time_until(awaitable<void> call) {
    const auto begin = Clock::now();
    bool failed = false;
    try {
      co_await std::move(call);
    } catch (const E&) {
      failed = true;
    }
    EXPECT_TRUE(failed) << "no error";
    co_return Seconds(Clock::now() - begin).count();
  }
  /// The shortest time of some tries, since on a busy machine any one may be late. The server, which `body`
  /// may freeze, goes on after each, and the pool serves.
  void ends_in_time(AsyncPooledDatabase& db, const std::function<awaitable<double>()>& body) {
    double best_s = std::numeric_limits<double>::infinity();
    for (int tries = 0; tries < 8 && best_s > over_by_s; ++tries) {
      run([&]() -> awaitable<void> {
        const double taken_s = co_await body();
        best_s = std::min(best_s, taken_s);
      }());
      server().thaw();
      run([&]() -> awaitable<void> {
        const int value = co_await db.fetch_val<int>("SELECT 271");
        EXPECT_EQ(value, 271);
      }());
    }
    EXPECT_LT(best_s, over_by_s);
  }
  awaitable<void> wait_until(Clock::time_point moment) {
    asio::steady_timer timer(io, moment);
    co_await timer.async_wait(asio::use_awaitable);
  }
};

awaitable<void> select(AsyncDatabaseWithin view) { co_await view.execute("SELECT 1"); }

TEST_F(AsyncWithin, a_call_on_a_frozen_server_ends_in_the_queue) {
  auto db = one();
  ends_in_time(db, [&]() -> awaitable<double> {
    const AsyncConnection taken = co_await db.connection();
    server().freeze();
    co_return co_await time_until<PoolTimeout>(select(db.within(limit)));
  });
}

TEST_F(AsyncWithin, a_call_on_a_frozen_server_ends_while_it_connects) {
  auto db = make({.min_size = 0, .max_size = 1});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  ends_in_time(db, [&]() -> awaitable<double> {
    db.drain();
    while (db.stats().pool_size > 0) co_await asio::post(io, asio::use_awaitable);
    server().freeze();
    co_return co_await time_until<PoolTimeout>(select(db.within(limit)));
  });
}

TEST_F(AsyncWithin, a_call_on_a_frozen_server_ends_while_it_waits_for_the_answer) {
  auto db = one();
  const std::vector<std::function<awaitable<void>(AsyncDatabaseWithin)>> calls = {
      select,
      [](AsyncDatabaseWithin view) -> awaitable<void> { (void)co_await view.fetch_all<int>("SELECT 1"); },
      [](AsyncDatabaseWithin view) -> awaitable<void> { (void)co_await view.fetch_one<int>("SELECT 1"); },
      [](AsyncDatabaseWithin view) -> awaitable<void> { (void)co_await view.fetch_val<int>("SELECT 1"); },
      [](AsyncDatabaseWithin view) -> awaitable<void> {
        AsyncConnection conn = co_await view.connection();
        co_await conn.execute("SELECT 1");
      },
      [](AsyncDatabaseWithin view) -> awaitable<void> {
        co_await view.transaction(
            [](AsyncConnection& tx) -> awaitable<void> { co_await tx.execute("SELECT 1"); });
      },
  };
  for (const auto& call : calls) {
    ends_in_time(db, [&]() -> awaitable<double> {
      co_await db.execute("SELECT 1");
      server().freeze();
      co_return co_await time_until<QueryTimeout>(call(db.within(limit)));
    });
  }
}

TEST_F(AsyncWithin, a_call_on_a_lease_of_a_frozen_server_ends_while_it_waits_for_the_answer) {
  auto db = one();
  const std::vector<std::function<awaitable<void>(AsyncConnectionWithin)>> calls = {
      [](AsyncConnectionWithin view) -> awaitable<void> { co_await view.execute("SELECT 1"); },
      [](AsyncConnectionWithin view) -> awaitable<void> { (void)co_await view.fetch_one<int>("SELECT 1"); },
      [](AsyncConnectionWithin view) -> awaitable<void> {
        const std::vector<int> rows = {1, 2};
        co_await view.execute_many("INSERT INTO kept VALUES ($1)", rows);
      },
      [](AsyncConnectionWithin view) -> awaitable<void> {
        Pipeline pipeline;
        pipeline.add("SELECT 1");
        (void)co_await view.execute(pipeline);
      },
      [](AsyncConnectionWithin view) -> awaitable<void> { co_await view.rollback(); },
      [](AsyncConnectionWithin view) -> awaitable<void> {
        co_await view.transaction(
            [](AsyncConnection& tx) -> awaitable<void> { co_await tx.execute("SELECT 1"); });
      },
  };
  for (const auto& call : calls) {
    ends_in_time(db, [&]() -> awaitable<double> {
      AsyncConnection conn = co_await db.connection();
      co_await conn.execute("SELECT 1");
      server().freeze();
      co_return co_await time_until<QueryTimeout>(call(conn.within(limit)));
    });
  }
}

TEST_F(AsyncWithin, a_commit_on_a_frozen_server_ends_and_its_outcome_is_unknown) {
  auto db = one();
  ends_in_time(db, [&]() -> awaitable<double> {
    AsyncConnection conn = co_await db.connection();
    co_await conn.execute("INSERT INTO kept VALUES (1)");
    server().freeze();
    co_return co_await time_until<CommitUnknown>(conn.within(limit).commit());
  });
  ends_in_time(db, [&]() -> awaitable<double> {
    co_return co_await time_until<CommitUnknown>(
        db.within(limit).transaction([&](AsyncConnection& tx) -> awaitable<void> {
          co_await tx.execute("INSERT INTO kept VALUES (1)");
          server().freeze();
        }));
  });
}

TEST_F(AsyncWithin, a_call_may_take_longer_than_the_timeout_of_the_pool) {
  auto db = one({.timeout = 100ms});
  const char* const slow = "SELECT 1 FROM pg_sleep(0.3)";
  const auto ask = [&](AsyncConnection& tx) -> awaitable<int> { co_return co_await tx.fetch_val<int>(slow); };
  run([&]() -> awaitable<void> {
    const int of_pool = co_await db.within(20s).fetch_val<int>(slow);
    EXPECT_EQ(of_pool, 1);
    const int of_transaction = co_await db.within(20s).transaction(ask);
    EXPECT_EQ(of_transaction, 1);
    AsyncConnection conn = co_await db.connection(Deadline(20s));
    const int of_call = co_await conn.within(20s).fetch_val<int>(slow);
    EXPECT_EQ(of_call, 1);
    const int of_block = co_await conn.within(20s).transaction(ask);
    EXPECT_EQ(of_block, 1);
    EXPECT_EQ(conn.timeout(), Seconds(100ms));
    bool late = false;
    try {
      co_await conn.execute(slow);
    } catch (const QueryTimeout&) {
      late = true;
    }
    EXPECT_TRUE(late);
  }());
}

TEST_F(AsyncWithin, a_call_may_be_made_in_one_expression_and_awaited_in_another) {
  auto db = one();
  run([&]() -> awaitable<void> {
    auto call = db.within(20s).fetch_val<int>("SELECT 7");
    auto many = db.within(20s).execute_many("INSERT INTO kept VALUES ($1)", std::vector<int>{1, 2});
    auto block = db.within(20s).transaction(
        [](AsyncConnection& tx) -> awaitable<int> { co_return co_await tx.fetch_val<int>("SELECT 8"); });
    const int seven = co_await std::move(call);
    const std::int64_t two = co_await std::move(many);
    const int eight = co_await std::move(block);
    EXPECT_EQ(seven, 7);
    EXPECT_EQ(two, 2);
    EXPECT_EQ(eight, 8);
    // The duration counts from `within`.
    auto late = db.within(50ms).fetch_val<int>("SELECT 9");
    co_await wait_until(Clock::now() + 60ms);
    bool refused = false;
    try {
      (void)co_await std::move(late);
    } catch (const PoolTimeout&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }());
}

TEST_F(AsyncWithin, a_transaction_without_time_for_its_end_is_never_committed_later) {
  auto db = one();
  const auto insert_and_wait = [&](AsyncConnection& tx) -> awaitable<void> {
    const auto begin = Clock::now();
    co_await tx.execute("INSERT INTO kept VALUES (1)");
    co_await wait_until(begin + 120ms);
  };
  run([&]() -> awaitable<void> {
    {
      AsyncConnection conn = co_await db.connection();
      co_await time_until<QueryTimeout>(conn.within(limit).transaction(insert_and_wait));
      EXPECT_TRUE(conn.closed()) << "it was given back";
    }
    {
      AsyncConnection conn = co_await db.connection();
      co_await time_until<UsageError>(conn.transaction([&](AsyncConnection& tx) -> awaitable<void> {
        co_await tx.execute("INSERT INTO kept VALUES (0)");
        co_await time_until<QueryTimeout>(tx.within(limit).transaction(insert_and_wait));
        co_await tx.execute("INSERT INTO kept VALUES (2)");
      }));
    }
    co_await time_until<QueryTimeout>(db.within(limit).transaction(insert_and_wait));
    const int kept = co_await db.fetch_val<int>("SELECT count(*)::int FROM kept");
    EXPECT_EQ(kept, 0);
  }());
}

TEST_F(AsyncWithin, it_takes_every_completion_token) {
  AsyncPooledDatabase db(config(), {.min_size = 1, .max_size = 2, .timeout = 20s});
  db.open(asio::use_future).get();
  EXPECT_EQ(db.within(20s).fetch_val<int>("SELECT 6 * $1", params(7), asio::use_future).get(), 42);
  AsyncConnection conn = db.within(20s).connection(asio::use_future).get();
  EXPECT_EQ(conn.within(20s).execute("SELECT 1", params(), asio::use_future).get().size(), 1U);
  conn.within(20s).commit(asio::use_future).get();
  const auto two = [](AsyncConnection& tx) -> awaitable<int> {
    co_return co_await tx.fetch_val<int>("SELECT 2");
  };
  EXPECT_EQ(db.within(20s).transaction(two, asio::use_future).get(), 2);
  EXPECT_EQ(conn.within(20s).transaction(two, asio::use_future).get(), 2);
  const auto tenant = [](AsyncConnection& tx) -> awaitable<std::string> {
    co_return co_await tx.fetch_val<std::string>("SELECT current_setting('app.tenant')");
  };
  const TransactionOptions options{.settings = {{"app.tenant", "7"}}};
  EXPECT_EQ(db.within(20s).transaction(options, tenant, asio::use_future).get(), "7");
  EXPECT_EQ(conn.within(20s).transaction(options, tenant, asio::use_future).get(), "7");
}

TEST_F(AsyncWithin, it_outlives_the_pool_without_keeping_it_open) {
  std::optional<AsyncPooledDatabase> db = one();
  AsyncDatabaseWithin view = db->within(20s);
  db.reset();
  run([&]() -> awaitable<void> { co_await time_until<PoolClosed>(select(view)); }());
}

/// A call with a handler that a timer cancels: what cancel_after makes of a token.
struct CancelledAfter {
  explicit CancelledAfter(asio::io_context& io, std::chrono::milliseconds after) : timer(io, after) {
    timer.async_wait([this](const boost::system::error_code& stopped) {
      if (!stopped) signal.emit(asio::cancellation_type::terminal);
    });
  }
  auto handler() {
    return asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr thrown, const auto&...) {
      error = std::move(thrown);
      ended = Clock::now();
      timer.cancel();
    });
  }
  [[nodiscard]] bool aborted() const {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const boost::system::system_error& thrown) {
      return thrown.code() == asio::error::operation_aborted;
    }
    return false;
  }

  asio::cancellation_signal signal;
  asio::steady_timer timer;
  const Clock::time_point begun = Clock::now();
  std::optional<Clock::time_point> ended{};
  std::exception_ptr error{};
};

TEST_F(AsyncWithin, a_cancellation_by_a_timer_ends_a_call_wherever_it_waits) {
  auto db = one();
  const auto cancelled = [&](const std::function<void(CancelledAfter&)>& begin) {
    double best_s = std::numeric_limits<double>::infinity();
    for (int tries = 0; tries < 8 && best_s > over_by_s; ++tries) {
      CancelledAfter call(io, 100ms);
      begin(call);
      run_until([&] { return call.ended.has_value(); });
      EXPECT_TRUE(call.aborted());
      best_s = std::min(best_s, Seconds(*call.ended - call.begun).count());
      server().thaw();
      run([&]() -> awaitable<void> { co_await db.execute("SELECT 1"); }());
    }
    EXPECT_LT(best_s, over_by_s);
  };
  cancelled([&](CancelledAfter& call) {  // for the answer
    server().freeze();
    db.execute("SELECT 1", params(), call.handler());
  });
  std::optional<AsyncConnection> conn;
  const auto lease = [&] {
    run([&]() -> awaitable<void> {
      conn = co_await db.connection();
      co_await conn->execute("INSERT INTO kept VALUES (1)");
    }());
  };
  lease();
  {  // in the queue
    CancelledAfter call(io, 100ms);
    db.execute("SELECT 1", params(), call.handler());
    run_until([&] { return call.ended.has_value(); });
    EXPECT_TRUE(call.aborted());
  }
  conn.reset();
  cancelled([&](CancelledAfter& call) {  // in COMMIT
    lease();
    server().freeze();
    conn->commit(call.handler());
    run_until([&] { return call.ended.has_value(); });
    conn.reset();
  });
}

/// A token that asks what starts an operation for its executor, as cancel_after does, and starts nothing.
struct AskForExecutor {};

}  // namespace
}  // namespace copg::test

template <class... Arguments>
class boost::asio::async_result<copg::test::AskForExecutor, void(Arguments...)> {
 public:
  template <class Initiation, class... Kept>
  static any_io_executor initiate(Initiation&& initiation, copg::test::AskForExecutor /*token*/,
                                  Kept&&... /*kept*/) {
    // The concept completion_token_for tries it with one that has none.
    if constexpr (requires { typename std::decay_t<Initiation>::executor_type; }) {
      return initiation.get_executor();
    } else {
      return {};
    }
  }
};

namespace copg::test {
namespace {

TEST_F(AsyncWithin, each_call_tells_its_token_the_executor) {
  auto db = one();
  const asio::any_io_executor executor = db.get_executor();
  const AskForExecutor ask;
  const auto same_for_verbs = [&](auto&& it) {
    const std::vector<int> rows{1};
    EXPECT_EQ(it.execute("SELECT 1", params(), ask), executor);
    EXPECT_EQ(it.template fetch_all<int>("SELECT 1", params(), ask), executor);
    EXPECT_EQ(it.template fetch_one<int>("SELECT 1", params(), ask), executor);
    EXPECT_EQ(it.template fetch_val<int>("SELECT 1", params(), ask), executor);
    EXPECT_EQ(it.execute_many("SELECT $1", rows, ask), executor);
  };
  same_for_verbs(db);
  same_for_verbs(db.within(1s));
  EXPECT_EQ(db.connection({}, ask), executor);
  EXPECT_EQ(db.stream("SELECT 1", params(), ask), executor);
  EXPECT_EQ(db.within(1s).stream("SELECT 1", params(), ask), executor);
  EXPECT_EQ(db.try_connection(ask), executor);
  EXPECT_EQ(db.within(1s).connection(ask), executor);
  EXPECT_EQ(db.open(ask), executor);
  EXPECT_EQ(db.check(ask), executor);
  EXPECT_EQ(db.wait(1s, ask), executor);
  EXPECT_EQ(db.close(1s, ask), executor);
  run([&]() -> awaitable<void> {
    AsyncConnection conn = co_await db.connection();
    same_for_verbs(conn);
    same_for_verbs(conn.within(1s));
    const auto same_for_lease = [&](auto&& it) {
      EXPECT_EQ(it.execute(Pipeline().add("SELECT 1"), ask), executor);
      EXPECT_EQ(it.commit(ask), executor);
      EXPECT_EQ(it.rollback(ask), executor);
      EXPECT_EQ(it.copy("COPY (SELECT 1) TO STDOUT", ask), executor);
    };
    same_for_lease(conn);
    same_for_lease(conn.within(1s));
    AsyncCopy copy = co_await conn.copy("COPY (SELECT 1) TO STDOUT");
    EXPECT_EQ(copy.read(ask), executor);
    EXPECT_EQ(copy.write("1", ask), executor);
    EXPECT_EQ(copy.finish(ask), executor);
    EXPECT_EQ(copy.cancel(ask), executor);
    EXPECT_EQ(co_await copy.read(), "1\n");
    conn.release();
    AsyncRowStream rows = co_await db.stream("SELECT 1");
    EXPECT_EQ(rows.next(ask), executor);
  }());
}

TEST_F(AsyncWithin, cancel_after_of_boost_ends_a_call) {
#if BOOST_VERSION >= 108600
  auto db = one();
  run([&]() -> awaitable<void> {
    const auto begin = Clock::now();
    auto [error, rows] = co_await db.execute("SELECT pg_sleep(60)", params(),
                                             asio::cancel_after(100ms, asio::as_tuple(asio::use_awaitable)));
    EXPECT_TRUE(error);
    EXPECT_LT(Seconds(Clock::now() - begin).count(), 5);
    const int value = co_await db.fetch_val<int>("SELECT 271", params(), asio::cancel_after(20s));
    EXPECT_EQ(value, 271);
  }());
#else
  GTEST_SKIP() << "this Boost has no cancel_after, which came with 1.86";
#endif
}

}  // namespace
}  // namespace copg::test
