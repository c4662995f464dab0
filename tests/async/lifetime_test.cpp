// Who outlives whom: pools, leases, calls, event loops, faces, processes.
#include <boost/asio/detached.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_future.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "async/async_test.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/process_census.hpp"
#include "support/sanitizers.hpp"

namespace copg::test {
namespace {

struct Lifetime : AsyncTest {
  std::unique_ptr<AsyncPooledDatabase> open_pool(PoolOptions options = {}) {
    auto db = std::make_unique<AsyncPooledDatabase>(make(std::move(options)));
    run([&]() -> awaitable<void> { co_await db->open(); }());
    return db;
  }
};

TEST_F(Lifetime, a_pool_destroyed_with_leases_out_and_callers_waiting_tells_them_and_lets_the_loop_end) {
  const Census before;
  auto db = open_pool({.min_size = 1, .max_size = 1});
  AsyncConnection lease;
  run([&]() -> awaitable<void> { lease = co_await db->connection(); }());
  std::exception_ptr error;
  db->execute("SELECT 1", params(),
              [&](std::exception_ptr thrown, const Result&) { error = std::move(thrown); });
  db.reset();
  run_until([&] { return error != nullptr; });
  EXPECT_THROW(std::rethrow_exception(error), PoolClosed);
  // The lease has five seconds; it is still good for a query.
  run([&]() -> awaitable<void> {
    const int value = co_await lease.fetch_val<int>("SELECT 5");
    EXPECT_EQ(value, 5);
  }());
  lease.release();
  run_out();
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Lifetime, a_lease_kept_beyond_close_is_cut_off_in_its_query_and_while_idle) {
  const Census before;
  auto db = open_pool({.min_size = 2, .max_size = 2});
  AsyncConnection idle;
  AsyncConnection busy;
  run([&]() -> awaitable<void> {
    idle = co_await db->connection();
    busy = co_await db->connection();
  }());
  std::exception_ptr error;
  busy.execute("SELECT pg_sleep(60)", params(),
               [&](std::exception_ptr thrown, const Result&) { error = std::move(thrown); });
  const auto begun = std::chrono::steady_clock::now();
  run([&]() -> awaitable<void> { co_await db->close(100ms); }());
  run_until([&] { return error != nullptr; });
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
  EXPECT_THROW(std::rethrow_exception(error), PoolClosed);
  run([&]() -> awaitable<void> {
    bool refused = false;
    try {
      co_await idle.execute("SELECT 1");
    } catch (const PoolClosed&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }());
  run_out();
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Lifetime, a_pool_destroyed_from_inside_its_own_completion_handler) {
  const Census before;
  auto db = open_pool();
  bool completed = false;
  db->execute("SELECT 1", params(), [&](const std::exception_ptr& error, const Result&) {
    EXPECT_FALSE(error);
    db.reset();
    completed = true;
  });
  run_out();
  EXPECT_TRUE(completed);
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Lifetime, a_pool_on_its_own_thread_destroyed_from_inside_its_own_completion_handler) {
  const Census before;
  auto db = std::make_unique<AsyncPooledDatabase>(config(), PoolOptions{.timeout = 20s});
  db->open(asio::use_future).get();
  std::promise<void> done;
  db->execute("SELECT 1", params(), [&](const std::exception_ptr&, const Result&) {
    db.reset();
    done.set_value();
  });
  ASSERT_EQ(done.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Lifetime, an_event_loop_that_stops_in_the_middle_goes_on_when_it_runs_again) {
  auto db = open_pool({.min_size = 1, .max_size = 2});
  int completed = 0;
  for (int i = 0; i < 5; ++i) {
    db->execute("SELECT pg_sleep(0.02)", params(), [&](const std::exception_ptr& error, const Result&) {
      EXPECT_FALSE(error);
      ++completed;
    });
  }
  io.poll();
  io.stop();
  EXPECT_EQ(completed, 0);
  run_until([&] { return completed == 5; });
}

TEST_F(Lifetime, an_event_loop_destroyed_with_everything_under_way_takes_it_along) {
  const Census before;
  auto counter = std::make_shared<int>(0);  // counts the handlers that are alive
  std::optional<AsyncConnection> lease;
  {
    asio::io_context gone{1};
    std::optional<AsyncPooledDatabase> db(std::in_place, gone, config(),
                                          PoolOptions{.min_size = 1, .max_size = 2});
    db->open(asio::detached);
    gone.run_for(300ms);
    db->connection({},
                   [&](const std::exception_ptr&, AsyncConnection conn) { lease.emplace(std::move(conn)); });
    while (!lease) gone.run_one();
    for (int i = 0; i < 5; ++i) {
      db->execute("SELECT pg_sleep(60)", params(),
                  [counter](const std::exception_ptr&, const Result&) { FAIL(); });
    }
    asio::co_spawn(
        gone,
        [](AsyncPooledDatabase& pool, std::shared_ptr<int>) -> awaitable<void> {
          AsyncConnection conn = co_await pool.connection();
          co_await conn.execute("SELECT pg_sleep(60)");
        }(*db, counter),
        asio::detached);
    gone.run_for(20ms);
    EXPECT_GT(counter.use_count(), 1);
    lease.reset();
    db.reset();
  }
  EXPECT_EQ(counter.use_count(), 1) << "handlers were not destroyed with their event loop";
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Lifetime, an_event_loop_destroyed_with_statements_under_way_ends_them_on_the_server) {
  const auto running = [&] {
    int count = 0;
    run([&]() -> awaitable<void> {
      auto watch = make({.min_size = 1, .max_size = 1});
      co_await watch.open();
      count = co_await watch.fetch_val<int>(
          "SELECT count(*)::int FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(61)' AND state = "
          "'active'");
      co_await watch.close();
    }());
    return count;
  };
  {
    asio::io_context gone{1};
    AsyncPooledDatabase db(gone, config(), PoolOptions{.min_size = 2, .max_size = 2});
    bool is_open = false;
    db.open([&](const std::exception_ptr& error) { is_open = !error; });
    ASSERT_TRUE(eventually([&] {
      gone.run_for(10ms);
      return is_open;
    }));
    for (int i = 0; i < 4; ++i)
      db.execute("SELECT pg_sleep(61)", params(), [](const std::exception_ptr&, const Result&) { FAIL(); });
    ASSERT_TRUE(eventually([&] {
      gone.run_for(10ms);
      return running() == 2;
    }));
  }
  EXPECT_TRUE(eventually([&] { return running() == 0; }, 2s));
}

TEST_F(Lifetime, a_pool_outlives_the_event_loop_of_one_of_its_faces) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  {
    asio::io_context passing{1};
    AsyncPooledDatabase face(passing, db);
    std::optional<int> value;
    face.fetch_val<int>("SELECT 1", params(), [&](const std::exception_ptr&, int given) { value = given; });
    while (!value) passing.run_one();
    face.fetch_val<int>("SELECT 1 FROM pg_sleep(60)", params(),
                        [&](const std::exception_ptr&, int) { FAIL(); });
    passing.poll();
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT 2"), 2);
  EXPECT_TRUE(eventually([&] { return db.stats().leased == 0; }));
}

TEST_F(Lifetime, the_last_face_closes_the_pool_and_no_other) {
  const Census before;
  auto db = open_pool({.min_size = 1, .max_size = 2});
  std::optional<PooledDatabase> sync(db->sync());
  db.reset();
  std::thread caller([&] { EXPECT_EQ(sync->fetch_val<int>("SELECT 3"), 3); });
  caller.join();  // the connection is open already: no need for the loop
  sync.reset();
  run_out();
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Lifetime, a_handler_that_throws_stops_run_and_harms_nothing) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  int completed = 0;
  db->execute("SELECT 1", params(), [&](const std::exception_ptr&, const Result&) {
    ++completed;
    throw std::runtime_error("a handler's own");
  });
  for (int i = 0; i < 3; ++i)
    db->execute("SELECT 1", params(), [&](const std::exception_ptr&, const Result&) { ++completed; });
  EXPECT_THROW(run_until([&] { return completed == 4; }), std::runtime_error);
  run_until([&] { return completed == 4; });
  EXPECT_EQ(db->stats().pool_available, 1U);
}

TEST_F(Lifetime, opening_and_waiting_fail_at_once_where_no_connection_can_be_made) {
  Config wrong = config();
  wrong.database = "unmade";
  AsyncPooledDatabase db(io, wrong, {.timeout = 20s});
  const auto begun = std::chrono::steady_clock::now();
  run([&]() -> awaitable<void> {
    for (int i = 0; i < 2; ++i) {
      try {
        if (i == 0) co_await db.open();
        if (i == 1) co_await db.wait(20s);
        ADD_FAILURE() << "no error";
      } catch (const ConfigurationError& error) {
        EXPECT_NE(std::string(error.what()).find("database \"unmade\" does not exist"), std::string::npos)
            << error.what();
      }
    }
  }());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  PooledDatabase::from_url(server().url()).execute("CREATE DATABASE unmade");
  // It was left open. A connect that was under way may still fail.
  run([&]() -> awaitable<void> {
    for (bool full = false; !full;) {
      try {
        co_await db.check();
        co_await db.wait(20s);
        full = true;
      } catch (const ConfigurationError&) {
        continue;
      }
    }
  }());
}

TEST_F(Lifetime, the_time_to_get_a_connection_holds_also_when_the_first_one_turns_out_dead) {
  Gate gate(server().port());
  AsyncPooledDatabase db(io, Config::from_url(gate.url()), {.min_size = 1, .max_size = 1, .timeout = 20s});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection(300ms);
    gate.fall_silent();
    gate.reset_all();
    EXPECT_TRUE(eventually([&] { return gate.connections() == 0; }));
    const auto begun = std::chrono::steady_clock::now();
    try {
      co_await conn.execute("SELECT 1");
      ADD_FAILURE() << "no error";
    } catch (const PoolTimeout& error) {
      EXPECT_NE(std::string(error.what()).find("had no connection for 0."), std::string::npos)
          << error.what();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 1300ms);
    gate.open();
  }());
}

TEST_F(Lifetime, closing_while_opening) {
  Gate gate(server().port());
  gate.fall_silent();
  auto db =
      std::make_unique<AsyncPooledDatabase>(io, Config::from_url(gate.url()), PoolOptions{.timeout = 20s});
  std::exception_ptr error;
  db->open([&](std::exception_ptr thrown) { error = std::move(thrown); });
  const auto begun = std::chrono::steady_clock::now();
  run([&]() -> awaitable<void> { co_await db->close(); }());
  run_until([&] { return error != nullptr; });
  EXPECT_THROW(std::rethrow_exception(error), PoolClosed);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  run_out();
}

TEST_F(Lifetime, a_lost_connection_leaves_other_descriptors_of_the_event_loop_alone) {
  Gate gate(server().port());
  AsyncPooledDatabase db(io, Config::from_url(gate.url()), {.min_size = 1, .max_size = 1, .timeout = 20s});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  // Opened in the lost call's handler: libpq has closed its socket, the background has not cleaned up, and
  // the lowest number that is free is the socket's.
  std::vector<asio::local::stream_protocol::socket> theirs;
  gate.lose_answer_to("lost");
  db.execute("SELECT 'lost'", params(), [&](const std::exception_ptr& thrown, const Result&) {
    EXPECT_TRUE(thrown);
    for (int i = 0; i < 8; ++i) theirs.emplace_back(io);
    for (std::size_t i = 0; i < theirs.size(); i += 2) asio::local::connect_pair(theirs[i], theirs[i + 1]);
  });
  run_until([&] { return !theirs.empty(); });
  run([&]() -> awaitable<void> { co_await db.wait(); }());
  int heard = 0;
  for (auto& socket : theirs) {
    socket.async_wait(asio::socket_base::wait_read, [&](const boost::system::error_code&) { ++heard; });
    run_until([&] { return io.poll() == 0; });
  }
  for (auto& socket : theirs) socket.write_some(asio::buffer("x", 1));
  run_until([&] { return heard == 8; }, 5s);
}

TEST_F(Lifetime, threads_and_coroutines_stand_in_one_queue) {
  auto db = open_pool({.min_size = 1, .max_size = 1});
  PooledDatabase sync = db->sync();
  std::vector<int> order;
  std::mutex mutex;
  const auto arrived = [&](int who) {
    const std::lock_guard lock(mutex);
    order.push_back(who);
  };
  AsyncConnection lease;
  run([&]() -> awaitable<void> { lease = co_await db->connection(); }());
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    if (i % 2 == 0) {
      threads.emplace_back([&, i] {
        const Connection conn = sync.connection();
        arrived(i);
      });
    } else {
      db->connection({}, [&, i](const std::exception_ptr& error, const AsyncConnection&) {
        EXPECT_FALSE(error);
        arrived(i);
      });
    }
    ASSERT_TRUE(
        eventually([&] { return sync.stats().requests_waiting == static_cast<std::uint32_t>(i) + 1; }));
  }
  lease.release();
  run_until([&] {
    const std::lock_guard lock(mutex);
    return order.size() == 6;
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
}

TEST_F(Lifetime, a_forked_child_whose_loop_was_told_has_a_pool_as_new_and_the_parents_is_untouched) {
  if (under_thread_sanitizer)
    GTEST_SKIP() << "the thread sanitizer does not run threads in a forked child, and a pool keeps a worker";
  auto db = open_pool({.min_size = 1, .max_size = 2});
  const auto pid_of_backend = [&] {
    std::optional<int> pid;
    db->fetch_val<int>("SELECT pg_backend_pid()", params(),
                       [&](const std::exception_ptr& error, int value) { pid = error ? -1 : value; });
    io.restart();
    while (!pid) io.run_one();
    return *pid;
  };
  const int before = pid_of_backend();
  io.notify_fork(asio::execution_context::fork_prepare);
  const pid_t child = fork();
  if (child == 0) {
    io.notify_fork(asio::execution_context::fork_child);
    const int own = pid_of_backend();
    _exit(own > 0 && own != before && pid_of_backend() == own ? 0 : 1);
  }
  io.notify_fork(asio::execution_context::fork_parent);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_EQ(pid_of_backend(), before);
}

TEST_F(Lifetime, configure_and_credentials_run_beside_the_event_loop_and_may_block) {
  std::promise<void> promise;
  const std::shared_future<void> released = promise.get_future().share();
  std::atomic<int> blocked = 0;
  const std::thread::id here = std::this_thread::get_id();
  auto db = std::make_unique<AsyncPooledDatabase>(
      make({.min_size = 2,
            .max_size = 2,
            .num_workers = 1,
            .configure =
                [&](Connection& conn) {
                  EXPECT_NE(std::this_thread::get_id(), here);
                  conn.execute("SET work_mem = '3MB'");
                  if (conn.fetch_val<std::string>("SELECT current_user::text") == "second") {
                    ++blocked;
                    released.wait();
                  }
                },
            .credentials =
                [&, calls = std::make_shared<std::atomic<int>>()] {
                  EXPECT_NE(std::this_thread::get_id(), here);
                  return Credentials{.user = ++*calls == 1 ? "postgres" : "second"};
                }}));
  PooledDatabase admin = open({.min_size = 1, .max_size = 1});
  admin.execute("CREATE ROLE second LOGIN SUPERUSER");
  std::optional<std::string> value;
  asio::co_spawn(
      io,
      [&]() -> awaitable<void> {
        co_await db->open();
        value = co_await db->fetch_val<std::string>("SHOW work_mem");
      },
      asio::detached);
  run_until([&] { return blocked == 1; });
  run([&]() -> awaitable<void> {
    const std::string served = co_await db->fetch_val<std::string>("SHOW work_mem");
    EXPECT_EQ(served, "3MB");
  }());
  EXPECT_FALSE(value) << "not open before both are there";
  promise.set_value();
  run_until([&] { return value.has_value(); });
  EXPECT_EQ(value, "3MB");
  db.reset();
  run_out();
  admin.execute("DROP ROLE second");
}

TEST_F(Lifetime, an_event_loop_and_its_pool_may_end_before_a_configure_that_does_not_return) {
  const Census before;
  std::promise<void> promise;
  std::atomic<bool> blocked = false;
  std::atomic<bool> cut = false;
  auto own = std::make_unique<asio::io_context>(1);
  {
    AsyncPooledDatabase db(own->get_executor(), config(),
                           {.min_size = 1, .max_size = 1, .configure = [&](Connection& conn) {
                              blocked = true;
                              promise.get_future().wait();
                              try {
                                conn.execute("SELECT 1");
                              } catch (const UsageError&) {
                                cut = true;
                              }
                            }});
    asio::co_spawn(
        *own, [&]() -> awaitable<void> { co_await db.open(); }, asio::detached);
    EXPECT_TRUE(eventually([&] {
      own->run_one_for(1ms);
      return blocked.load();
    }));
  }
  own.reset();
  promise.set_value();
  EXPECT_TRUE(eventually([&] { return cut.load(); }));
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

}  // namespace
}  // namespace copg::test
