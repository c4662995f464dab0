// A server that hangs up on idle connections, where the background of the pool is a guest in an event loop of
// the program's.
#include <atomic>
#include <memory>
#include <thread>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

class AsyncHangUp : public AsyncTest {
 protected:
  /// The event loop runs on a thread, with nothing to do but for the pool.
  void run_beside() {
    io.restart();
    thread_ = std::thread([this] {
      const auto work = asio::make_work_guard(io);
      io.run();
    });
  }
  void stop() {
    io.stop();
    if (thread_.joinable()) thread_.join();
    io.restart();
  }
  ~AsyncHangUp() override { stop(); }

 private:
  std::thread thread_;
};

TEST_F(AsyncHangUp, of_a_restarted_server_is_noticed_without_a_request_and_no_request_meets_it) {
  constexpr std::uint32_t size = 10;
  testing::ThrowawayPostgres mortal;
  AsyncPooledDatabase db(io, Config::from_url(mortal.url()),
                         {.min_size = size, .max_size = size, .timeout = 20s});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  run_beside();
  mortal.stop();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 0 && db.stats().closing == 0; }));
  mortal.start();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == size; }));
  EXPECT_EQ(db.stats().requests_num, 0U);
  stop();
  run([&]() -> awaitable<void> {
    for (int i = 0; i < 20; ++i) {
      const int value = co_await db.fetch_val<int>("SELECT $1::int", i);
      EXPECT_EQ(value, i);
    }
    EXPECT_EQ(db.stats().returns_bad, 0U) << "a request was given a dead connection";
    co_await db.close();
  }());
  run_out();
}

TEST_F(AsyncHangUp, while_the_event_loop_stands_still_is_seen_by_the_look_before_the_first_byte) {
  testing::ThrowawayPostgres mortal;
  AsyncPooledDatabase db(io, Config::from_url(mortal.url()), {.min_size = 2, .max_size = 2, .timeout = 20s});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  mortal.restart();
  run([&]() -> awaitable<void> {
    const int value = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(value, 1);
    co_await db.close();
  }());
  run_out();
}

TEST_F(AsyncHangUp, does_not_keep_an_event_loop_running_once_the_pool_has_no_connection) {
  auto db = make({.min_size = 0, .max_size = 2, .max_idle = 10ms, .max_lifetime = 1h});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("SELECT 1");
  }());
  run_out();
  EXPECT_EQ(db.stats().pool_size, 0U);
}

TEST_F(AsyncHangUp, has_nobody_to_tell_when_the_event_loop_goes_away_first) {
  testing::ThrowawayPostgres mortal;
  std::shared_ptr<AsyncPooledDatabase> db;
  {
    asio::io_context passing{1};
    db = std::make_shared<AsyncPooledDatabase>(passing, Config::from_url(mortal.url()),
                                               PoolOptions{.min_size = 3, .max_size = 3});
    bool open = false;
    db->open([&](const std::exception_ptr& error) { open = error == nullptr; });
    while (!open) passing.run_one();
    mortal.stop();
  }
  EXPECT_EQ(db->stats().pool_available, 3U) << "as nobody has noticed";
  db.reset();
}

}  // namespace
}  // namespace copg::test
