// Several hosts on an event loop: calls that wait for a host, and what becomes of them when servers are lost.
#include <copg/copy_stream.hpp>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string_view>

#include "routing/async_hosts.hpp"

namespace copg::test {
namespace {

/// One system for all tests that leave it as it was.
class AsyncWaits : public ::testing::Test, protected EventLoop {
 protected:
  static void SetUpTestSuite() {
    made = std::make_unique<Replicas>(1);
    made->ask(0, "CREATE TABLE kept (n int)");
  }
  static void TearDownTestSuite() { made.reset(); }

  [[nodiscard]] AsyncPooledDatabase make(PoolOptions options = {.min_size = 1, .max_size = 4}) {
    options.timeout = 20s;
    return {io, hosts_of(servers, {1, 0}), std::move(options)};
  }
  [[nodiscard]] int port_of(std::size_t index) const { return servers.server(index).port(); }

  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
};
std::unique_ptr<Replicas> AsyncWaits::made;

bool is_aborted(const std::exception_ptr& error) {
  try {
    if (error) std::rethrow_exception(error);
  } catch (const boost::system::system_error& thrown) {
    return thrown.code() == asio::error::operation_aborted;
  } catch (...) {
  }
  return false;
}

TEST_F(AsyncWaits, for_a_replica_that_lags_as_if_unfit_says) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    servers.pause_replay(1);
    co_await db.execute("INSERT INTO kept VALUES (1)");
    const auto asked = [](IfUnfit what) {
      return RoleOptions{.max_lag = 300ms, .if_unfit = what, .patience = 100ms};
    };
    // The replica may have been seen while it was young enough.
    int port = port_of(1);
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         port == port_of(1) && std::chrono::steady_clock::now() < end;)
      port = co_await db.on(Role::replica, asked(IfUnfit::primary)).fetch_val<int>(ask_port);
    EXPECT_EQ(port, port_of(0));
    const auto began = std::chrono::steady_clock::now();
    const std::string words =
        co_await failure_of<PoolTimeout>(db.on(Role::replica, asked(IfUnfit::fail)).execute("SELECT 1"));
    EXPECT_NE(words.find("no replica that was fit"), std::string::npos) << words;
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    co_await failure_of<PoolTimeout>(
        db.on(Role::replica, asked(IfUnfit::wait)).within(300ms).execute("SELECT 1"));
  }());
  std::optional<int> port;
  db.on(Role::replica, {.max_lag = 300ms})
      .fetch_val<int>(ask_port, Params(), [&](const std::exception_ptr& error, int value) {
        EXPECT_FALSE(error);
        port = value;
      });
  io.restart();
  io.run_for(200ms);
  EXPECT_FALSE(port);
  servers.resume_replay(1);
  run_until([&] { return port.has_value(); });
  EXPECT_EQ(port, port_of(1));
}

TEST_F(AsyncWaits, end_at_once_when_they_are_cancelled) {
  auto db = make({.min_size = 1, .max_size = 1, .share = false});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  const auto end_by = [&](asio::cancellation_type type, AsyncDatabaseOn where, const char* sql) {
    asio::cancellation_signal signal;
    bool ended = false;
    where.execute(
        sql, Params(),
        asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error, const Result&) {
          EXPECT_TRUE(is_aborted(error));
          ended = true;
        }));
    io.restart();
    io.run_for(50ms);
    EXPECT_FALSE(ended);
    signal.emit(type);
    run_until([&] { return ended; }, 5s);
  };
  using asio::cancellation_type;
  db.suspend();
  end_by(cancellation_type::total, db.on(Role::primary), "SELECT 1");  // waits for a host
  end_by(cancellation_type::terminal, db.on(Role::primary), "SELECT 1");
  db.resume();
  end_by(cancellation_type::terminal, db.on(Role::primary), "SELECT pg_sleep(30)");  // under way
  std::optional<AsyncConnection> held;
  run([&]() -> awaitable<void> { held = co_await db.connection(); }());
  end_by(cancellation_type::total, db.on(Role::primary), "SELECT 1");  // waits for a connection
  held.reset();
  run([&]() -> awaitable<void> {
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
    co_await db.close();
  }());
  run_out();
}

TEST_F(AsyncWaits, end_by_the_deadline_and_with_the_pool) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    db.suspend();
    const std::string words = co_await failure_of<PoolTimeout>(db.within(100ms).execute("SELECT 1"));
    EXPECT_NE(words.find("had no primary"), std::string::npos) << words;
  }());
  int closed = 0;
  for (int i = 0; i < 50; ++i) {
    db.execute("SELECT 1", Params(), [&](const std::exception_ptr& error, const Result&) {
      EXPECT_THROW(std::rethrow_exception(error), PoolClosed);
      ++closed;
    });
  }
  io.restart();
  io.run_for(20ms);
  EXPECT_EQ(closed, 0);
  run([&]() -> awaitable<void> { co_await db.close(); }());
  run_until([&] { return closed == 50; });
  run_out();
}

struct Data final : CopySource {
  std::string_view next() override { return std::exchange(rest, {}); }
  std::string_view rest = "9\n10\n";
};

struct Heard final : CopySink {
  void take(std::string_view piece) override { text += piece; }
  std::string text;
};

TEST(AsyncFailover, takes_every_kind_of_call_that_waits_to_the_next_primary) {
  Replicas servers(1);
  servers.ask(0, "CREATE TABLE kept (n int)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  EventLoop loop;
  AsyncPooledDatabase db(loop.io, hosts_of(servers, {0, 1}),
                         {.min_size = 1, .max_size = 1, .timeout = 40s, .share = false});
  const int next = servers.server(1).port();
  loop.run([&]() -> awaitable<void> { co_await db.open(); }());
  std::optional<AsyncConnection> held;
  loop.run([&]() -> awaitable<void> { held = co_await db.connection(); }());

  int begun = 0;
  int ended = 0;
  const auto start = [&](auto call) {
    ++begun;
    asio::co_spawn(loop.io, std::move(call), [&](const std::exception_ptr& error) {
      ++ended;
      try {
        if (error) std::rethrow_exception(error);
      } catch (const std::exception& failure) {
        ADD_FAILURE() << failure.what();
      }
    });
  };
  start([&]() -> awaitable<void> { co_await db.execute("INSERT INTO kept VALUES ($1)", 1); });
  start([&]() -> awaitable<void> { EXPECT_EQ(co_await db.fetch_val<int>(ask_port), next); });
  start([&]() -> awaitable<void> {
    const std::vector<int> rows{2, 3};
    EXPECT_EQ(co_await db.execute_many("INSERT INTO kept VALUES ($1)", rows), 2);
  });
  start([&]() -> awaitable<void> {
    const std::vector<int> rows{4};
    EXPECT_EQ(co_await db.execute_many_returning<int>("INSERT INTO kept VALUES ($1) RETURNING n", rows),
              rows);
  });
  start([&]() -> awaitable<void> {
    Pipeline pipeline;
    pipeline.add("INSERT INTO kept VALUES ($1)", 5).add(ask_port);
    const auto answers = co_await db.execute(std::move(pipeline));
    EXPECT_EQ(answers.at(1).value()[0][0].as<int>(), next);
  });
  start([&]() -> awaitable<void> {
    Pipeline pipeline;
    pipeline.add("INSERT INTO kept VALUES ($1)", 6).add(ask_port);
    const auto results = co_await db.execute_all(std::move(pipeline));
    EXPECT_EQ(results.at(1)[0][0].as<int>(), next);
  });
  start([&]() -> awaitable<void> { EXPECT_EQ(co_await db.copy_in("kept", numbers(7, 8)), 2); });
  Data data;
  start([&]() -> awaitable<void> { EXPECT_EQ(co_await db.copy_in("COPY kept FROM STDIN", data), 2); });
  Heard heard;
  start([&]() -> awaitable<void> { EXPECT_EQ(co_await db.copy_out("COPY (SELECT 5) TO STDOUT", heard), 1); });
  start([&]() -> awaitable<void> {
    AsyncConnection leased = co_await db.connection();
    EXPECT_EQ(co_await leased.fetch_val<int>(ask_port), next);
  });
  start([&]() -> awaitable<void> {
    const auto write = [](AsyncConnection& tx) -> awaitable<void> {
      co_await tx.execute("INSERT INTO kept VALUES (11)");
    };
    co_await db.run(write);
  });
  start([&]() -> awaitable<void> {
    AsyncRowStream rows = co_await db.stream("SELECT 1");
    EXPECT_EQ(co_await rows.next<int>(), numbers(1));
  });
  loop.run_until([&] { return db.stats().requests_waiting == static_cast<std::size_t>(begun); });

  servers.server(0).kill_hard();
  loop.io.restart();
  loop.io.run_for(300ms);
  EXPECT_EQ(ended, 0);
  servers.promote(1);
  loop.run_until([&] { return ended == begun; });
  held.reset();
  EXPECT_EQ(servers.ask(1, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM kept"),
            "1 2 3 4 5 6 7 8 9 10 11");
  EXPECT_EQ(heard.text, "5\n");
  loop.run([&]() -> awaitable<void> { co_await db.close(); }());
  loop.run_out();
}

/// Inserts numbers of its own, one after the other, until it is told to end. Returns how many.
awaitable<int> write_until(AsyncPooledDatabase& db, int writer, const std::atomic<bool>& over,
                           std::atomic<int>& lost, std::vector<int>& acknowledged) {
  int n = 0;
  while (!over) {
    const int number = writer * 100'000 + ++n;
    try {
      co_await db.execute("INSERT INTO kept VALUES ($1)", number);
      acknowledged.push_back(number);
    } catch (const ConnectionFailed&) {  // it was under way
      ++lost;
    }
  }
  co_return n;
}

class WritersThroughFailover : public ::testing::TestWithParam<bool> {};

TEST_P(WritersThroughFailover, lose_only_what_was_under_way_and_write_nothing_twice) {
  Replicas servers(1);
  servers.ask(0, "CREATE TABLE kept (n int PRIMARY KEY)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  asio::thread_pool threads(2);
  constexpr int writers = 200;
  constexpr int connections = 8;
  const PoolOptions options{.min_size = 1, .max_size = connections, .timeout = 40s};
  std::optional<AsyncPooledDatabase> db;
  if (GetParam()) {
    db.emplace(hosts_of(servers, {0, 1}), options);  // on a thread of its own
  } else {
    db.emplace(threads, hosts_of(servers, {0, 1}), options);
  }
  db->open(asio::use_future).get();
  std::atomic<bool> over = false;
  std::atomic<int> lost = 0;
  const struct Ending {
    std::atomic<bool>& over;
    ~Ending() { over = true; }
  } ending{over};
  std::vector<std::vector<int>> acknowledged(writers);
  std::vector<std::future<int>> ends;
  for (int i = 0; i < writers; ++i) {
    ends.push_back(asio::co_spawn(
        db->get_executor(), write_until(*db, i + 1, over, lost, acknowledged[static_cast<std::size_t>(i)]),
        asio::use_future));
  }
  const auto rows = [&](std::size_t server) {
    return std::stoi(servers.ask(server, "SELECT count(*) FROM kept"));
  };
  ASSERT_TRUE(eventually([&] { return rows(0) > writers; }));
  servers.server(0).kill_hard();
  servers.promote(1);
  const int before = rows(1);
  ASSERT_TRUE(eventually([&] { return rows(1) > before + writers * 2; }));
  over = true;
  for (auto& end : ends) EXPECT_GT(end.get(), 0);
  // What the new primary has taken is there; a statement that was sent twice would have failed.
  std::string newest;
  for (const auto& numbers : acknowledged) {
    ASSERT_FALSE(numbers.empty());
    newest += (newest.empty() ? "" : ",") + std::to_string(numbers.back());
  }
  EXPECT_EQ(servers.ask(1, "SELECT count(*) FROM kept WHERE n IN (" + newest + ")"), std::to_string(writers));
  EXPECT_LE(lost, writers);
  db->close(5s, asio::use_future).get();
  db.reset();
  threads.join();
}

INSTANTIATE_TEST_SUITE_P(OnThreadsOrOnItsOwn, WritersThroughFailover, ::testing::Bool());

TEST(AsyncSwitchover, keeps_a_lease_and_finds_the_next_primary) {
  Replicas servers(1);
  servers.ask(0, "CREATE TABLE kept (n int)");
  EventLoop loop;
  AsyncPooledDatabase db(loop.io, hosts_of(servers, {0, 1}), {.min_size = 1, .max_size = 4, .timeout = 40s});
  loop.run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection held = co_await db.connection();
    co_await held.execute("SELECT 1");
    servers.server(0).kill_hard();
    bool failed = false;
    try {
      co_await held.execute("SELECT 1");
    } catch (const ConnectionFailed&) {
      failed = true;
    }
    EXPECT_TRUE(failed);
    EXPECT_EQ(co_await db.on(Role::replica).fetch_val<int>(ask_port), servers.server(1).port());
    servers.promote(1);
    const auto began = std::chrono::steady_clock::now();
    co_await db.execute("INSERT INTO kept VALUES (2)");
    EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
  }());
}

}  // namespace
}  // namespace copg::test
