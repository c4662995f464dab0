// Several hosts in the configuration: what a program on an event loop does with them while all is well.
#include <copg/copy_stream.hpp>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <thread>

#include "routing/async_hosts.hpp"

namespace copg::test {
namespace {

class AsyncHosts : public ::testing::Test, protected EventLoop {
 protected:
  static void SetUpTestSuite() {
    made = std::make_unique<Replicas>(1);
    made->ask(0, "CREATE TABLE kept (n int)");
  }
  static void TearDownTestSuite() { made.reset(); }
  void SetUp() override { servers.ask(0, "TRUNCATE kept"); }

  [[nodiscard]] AsyncPooledDatabase make(PoolOptions options = {.min_size = 1, .max_size = 4}) {
    options.timeout = 20s;
    return {io, hosts_of(servers, {1, 0}), std::move(options)};
  }
  [[nodiscard]] int port_of(std::size_t index) const { return servers.server(index).port(); }

  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
};
std::unique_ptr<Replicas> AsyncHosts::made;

TEST_F(AsyncHosts, send_all_calls_to_the_primary_unless_it_is_said_otherwise) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
    const Result inserted = co_await db.execute("INSERT INTO kept VALUES ($1)", 1);
    EXPECT_EQ(inserted.affected_rows(), 1);
    EXPECT_EQ(co_await db.execute_many("INSERT INTO kept VALUES ($1)", numbers(2, 3)), 2);
    const auto returned =
        co_await db.execute_many_returning<int>("INSERT INTO kept VALUES ($1) RETURNING n", numbers(4, 5));
    EXPECT_EQ(returned, numbers(4, 5));
    EXPECT_EQ(co_await db.copy_in("kept", numbers(6, 7)), 2);
    Pipeline pipeline;
    pipeline.add("INSERT INTO kept VALUES ($1)", 8);
    pipeline.add(ask_port);
    const auto answers = co_await db.execute(pipeline);
    EXPECT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[1].value()[0][0].as<int>(), port_of(0));
    const auto results = co_await db.execute_all(pipeline);
    EXPECT_EQ(results.size(), 2U);
    EXPECT_EQ(co_await db.within(10s).fetch_val<int>(ask_port), port_of(0));
    EXPECT_EQ(co_await db.on(Role::primary).fetch_val<int>(ask_port), port_of(0));
    EXPECT_GT(co_await db.on(Role::any).fetch_val<int>(ask_port), 0);
    EXPECT_EQ(db.to_string(), "AsyncPooledDatabase('postgres', hosts=2)");
    EXPECT_EQ(co_await db.execute_many("INSERT INTO kept VALUES ($1)", numbers()), 0);
  }());
  EXPECT_EQ(servers.ask(0, "SELECT count(*) FROM kept"), "9");
}

TEST_F(AsyncHosts, have_blocks_and_streams_on_the_primary) {
  servers.ask(0, "INSERT INTO kept VALUES (1), (2), (3)");
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    const auto ask = [](AsyncConnection& tx) -> awaitable<int> {
      co_return co_await tx.fetch_val<int>(ask_port);
    };
    EXPECT_EQ(co_await db.transaction(ask), port_of(0));
    EXPECT_EQ(co_await db.run(ask), port_of(0));
    EXPECT_EQ(co_await db.within(10s).transaction(ask), port_of(0));
    EXPECT_EQ(co_await db.within(10s).run(ask), port_of(0));
    AsyncRowStream rows = co_await db.stream("SELECT n FROM kept ORDER BY n");
    EXPECT_EQ(co_await rows.next<int>(), numbers(1, 2, 3));
    EXPECT_TRUE((co_await rows.next<int>()).empty());
    AsyncConnection leased = co_await db.within(10s).connection();
    EXPECT_EQ(co_await leased.fetch_val<int>(ask_port), port_of(0));
  }());
}

TEST_F(AsyncHosts, read_from_a_replica_where_it_is_said) {
  PooledDatabase threads(hosts_of(servers, {0, 1}), {.min_size = 1, .max_size = 1});
  Session session = threads.session();
  session.execute("INSERT INTO kept VALUES (1), (2)");
  RoleOptions seen;
  seen.after = session.token();
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    EXPECT_EQ(co_await db.on(Role::replica, seen).fetch_val<int>("SELECT count(*)::int FROM kept"), 2);
    AsyncDatabaseOn replica = db.on(Role::replica);
    EXPECT_EQ(co_await replica.fetch_val<int>(ask_port), port_of(1));
    EXPECT_EQ(co_await replica.within(10s).fetch_val<int>(ask_port), port_of(1));
    const auto ask = [](AsyncConnection& tx) -> awaitable<int> {
      co_return co_await tx.fetch_val<int>(ask_port);
    };
    EXPECT_EQ(co_await replica.transaction(ask), port_of(1));
    const TransactionOptions read_only{.read_only = true};
    EXPECT_EQ(co_await replica.within(10s).transaction(read_only, ask), port_of(1));
    AsyncRowStream rows = co_await replica.stream("SELECT n FROM kept ORDER BY n");
    EXPECT_EQ(co_await rows.next<int>(), numbers(1, 2));
    const std::string refused =
        co_await failure_of<QueryFailed>(replica.execute("INSERT INTO kept VALUES (4)"));
    EXPECT_NE(refused.find("read-only"), std::string::npos) << refused;
    EXPECT_EQ(db.hosts().size(), 2U);
    EXPECT_THROW((void)db.on(Role::replica, {.after = WriteToken{}}), UsageError);
  }());
}

TEST_F(AsyncHosts, lease_a_connection_of_one_host_until_it_is_given_back) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    std::optional<AsyncConnection> held = co_await db.connection();
    EXPECT_EQ(co_await held->fetch_val<int>(ask_port), port_of(0));
    EXPECT_EQ(db.stats().leased, 1U);
    EXPECT_EQ(db.leases().size(), 1U);
    EXPECT_FALSE((co_await db.try_connection()).has_value());
    co_await failure_of<PoolTimeout>(db.within(100ms).execute("SELECT 1"));
    EXPECT_EQ(co_await db.on(Role::replica).fetch_val<int>(ask_port), port_of(1));
    held.reset();
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
    std::optional<AsyncConnection> tried = co_await db.try_connection();
    EXPECT_TRUE(tried.has_value());
    EXPECT_EQ(co_await tried->fetch_val<int>(ask_port), port_of(0));
    AsyncConnection detached = tried->detach();
    tried.reset();
    EXPECT_EQ(co_await detached.fetch_val<int>(ask_port), port_of(0));
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
  }());
  EXPECT_EQ(db.stats().pool_max, 2U);
}

TEST_F(AsyncHosts, are_suspended_drained_checked_and_closed_together) {
  auto db = make();
  run([&]() -> awaitable<void> {
    const std::string early = co_await failure_of<PoolClosed>(db.execute("SELECT 1"));
    EXPECT_NE(early.find("not open yet"), std::string::npos) << early;
    co_await db.open();
    co_await db.open();  // harmless
    co_await db.wait();
    co_await db.check();
    db.drain();
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
    db.suspend();
    co_await failure_of<PoolTimeout>(db.within(100ms).execute("SELECT 1"));
    EXPECT_EQ(co_await db.on(Role::replica).fetch_val<int>(ask_port), port_of(1));
    db.resume();
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
    auto replica = db.on(Role::replica);
    co_await db.close();
    co_await db.close();  // harmless
    co_await failure_of<PoolClosed>(db.execute("SELECT 1"));
    co_await failure_of<PoolClosed>(replica.execute("SELECT 1"));
    EXPECT_EQ(db.stats().pool_size, 0U);
  }());
  run_out();
}

TEST_F(AsyncHosts, say_what_they_do_not_offer) {
  auto db = make();
  const auto refused = [](auto call) {
    try {
      call();
    } catch (const UsageError& error) {
      return std::string(error.what());
    }
    return std::string("it was done");
  };
  const std::string words = "a pool of several hosts does not offer this";
  EXPECT_EQ(refused([&] { (void)db.metrics(); }), words);
  EXPECT_EQ(refused([&] { (void)db.view(); }), words);
  EXPECT_EQ(refused([&] { (void)db.advise(); }), words);
  EXPECT_EQ(refused([&] { db.resize(1, 2); }), words);
  EXPECT_THROW(static_cast<void>(db.on(Role::replica, {.patience = -1s})), UsageError);
  run([&]() -> awaitable<void> {
    co_await db.open();
    int refusals = 0;
    try {
      (void)co_await db.listener({"news"});
    } catch (const UsageError&) {
      ++refusals;
    }
    try {
      (void)co_await db.within(1s).listener({"news"});
    } catch (const UsageError&) {
      ++refusals;
    }
    EXPECT_EQ(refusals, 2);
  }());
}

TEST_F(AsyncHosts, are_libpqs_affair_where_it_is_told_what_to_choose) {
  Config config = hosts_of(servers, {1, 0});
  config.options["target_session_attrs"] = "read-write";
  AsyncPooledDatabase db(io, config, {.min_size = 1, .max_size = 1, .timeout = 20s});
  run([&]() -> awaitable<void> {
    co_await db.open();
    EXPECT_EQ(co_await db.fetch_val<int>(ask_port), port_of(0));
    EXPECT_EQ(co_await db.on(Role::any).fetch_val<int>(ask_port), port_of(0));
    AsyncConnection leased = co_await db.on(Role::primary).within(5s).connection();
    EXPECT_EQ(co_await leased.fetch_val<int>(ask_port), port_of(0));
  }());
  EXPECT_THROW(static_cast<void>(db.on(Role::replica)), UsageError);
  EXPECT_EQ(db.metrics().stats.pool_max, 1U);
}

TEST_F(AsyncHosts, are_shared_with_threads) {
  std::optional<PooledDatabase> threads(std::in_place, hosts_of(servers, {0, 1}),
                                        PoolOptions{.min_size = 1, .max_size = 1, .timeout = 20s});
  std::optional<AsyncPooledDatabase> db(std::in_place, io, *threads);
  run([&]() -> awaitable<void> {
    AsyncConnection held = co_await db->connection();
    EXPECT_EQ(co_await held.fetch_val<int>(ask_port), port_of(0));
    EXPECT_THROW(threads->within(50ms).execute("SELECT 1"), PoolTimeout);
    EXPECT_EQ(co_await db->on(Role::replica).fetch_val<int>(ask_port), port_of(1));
    EXPECT_EQ(threads->stats().leased, 1U);
  }());
  EXPECT_EQ(db->sync().fetch_val<int>(ask_port), port_of(0));
  threads.reset();
  EXPECT_EQ(db->sync().on(Role::replica).fetch_val<int>(ask_port), port_of(1));
  PooledDatabase last = db->sync();
  db.reset();
  EXPECT_EQ(last.fetch_val<int>(ask_port), port_of(0));
  const PooledDatabase moved = std::move(last);
  EXPECT_THROW(AsyncPooledDatabase(io, last), UsageError);  // NOLINT(bugprone-use-after-move)
}

TEST_F(AsyncHosts, have_a_thread_of_their_own_if_no_executor_is_given) {
  AsyncPooledDatabase db(hosts_of(servers, {1, 0}), {.min_size = 1, .max_size = 4, .timeout = 20s});
  db.open(asio::use_future).get();
  EXPECT_EQ(db.fetch_val<int>(ask_port, Params(), asio::use_future).get(), port_of(0));
  EXPECT_EQ(db.on(Role::replica).fetch_val<int>(ask_port, Params(), asio::use_future).get(), port_of(1));
  std::set<std::thread::id> threads;
  std::atomic<int> done = 0;
  for (int i = 0; i < 20; ++i) {
    db.execute("SELECT 1", Params(), [&](const std::exception_ptr& error, const Result&) {
      EXPECT_FALSE(error);
      threads.insert(std::this_thread::get_id());
      ++done;
    });
  }
  EXPECT_TRUE(eventually([&] { return done == 20; }));
  EXPECT_EQ(threads.size(), 1U);
  db.close(5s, asio::use_future).get();
  EXPECT_THROW(db.execute("SELECT 1", Params(), asio::use_future).get(), PoolClosed);
}

TEST_F(AsyncHosts, let_calls_of_their_own_thread_complete_when_the_pool_goes) {
  std::atomic<int> ended = 0;
  constexpr int calls = 10;
  {
    AsyncPooledDatabase db(hosts_of(servers, {0, 1}), {.min_size = 1, .max_size = 1, .timeout = 20s});
    db.open(asio::use_future).get();
    db.suspend();
    for (int i = 0; i < calls; ++i)
      db.execute("SELECT 1", Params(), [&](const std::exception_ptr& error, const Result&) {
        EXPECT_TRUE(error);
        ++ended;
      });
  }
  EXPECT_EQ(ended, calls);
}

TEST_F(AsyncHosts, complete_on_the_executor_of_the_handler) {
  asio::thread_pool others(1);
  std::promise<std::thread::id> others_id;
  asio::post(others, [&] { others_id.set_value(std::this_thread::get_id()); });
  auto db = make();
  std::optional<std::thread::id> where;
  std::atomic<bool> done = false;
  run([&]() -> awaitable<void> { co_await db.open(); }());
  db.execute("SELECT 1", Params(), asio::bind_executor(others, [&](std::exception_ptr, const Result&) {
               where = std::this_thread::get_id();
               done = true;
             }));
  run_until([&] { return done.load(); });
  EXPECT_EQ(where, others_id.get_future().get());
}

TEST_F(AsyncHosts, are_left_alone_by_a_context_that_goes_first) {
  bool completed = false;
  std::optional<asio::io_context> own(std::in_place);
  AsyncPooledDatabase db(*own, hosts_of(servers, {0, 1}), {.min_size = 1, .max_size = 1, .timeout = 20s});
  bool opened = false;
  db.open([&](const std::exception_ptr& error) { opened = !error; });
  for (const auto end = std::chrono::steady_clock::now() + 20s;
       !opened && std::chrono::steady_clock::now() < end;)
    own->run_one_for(10ms);
  ASSERT_TRUE(opened);
  const auto note = [&](const std::exception_ptr&, const Result&) { completed = true; };
  db.execute("SELECT pg_sleep(30)", Params(), note);  // waits for the server
  db.execute("SELECT 1", Params(), note);             // for a connection
  db.suspend();
  db.execute("SELECT 1", Params(), note);                               // for a host
  db.on(Role::replica).execute("SELECT pg_sleep(30)", Params(), note);  // for another server
  own->poll();
  own.reset();
  EXPECT_FALSE(completed);
}

}  // namespace
}  // namespace copg::test
