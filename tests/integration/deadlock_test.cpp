// Threads that hold a connection and wait for another.
#include "integration/database_test.hpp"

#include <chrono>
#include <future>
#include <latch>
#include <memory>
#include <regex>
#include <thread>
#include <utility>
#include <vector>

namespace copg::test {
namespace {

class Deadlock : public DatabaseTest {};

constexpr auto at_once = 5s;  // of a timeout of 20 s

TEST_F(Deadlock, of_one_thread_fails_at_once_and_says_where_each_connection_was_taken) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2, .name = "orders"});
  const auto begun = std::chrono::steady_clock::now();
  {
    Connection first = db.connection();
    Connection second = db.connection();
    const ErrorInfo error = error_of<PoolDeadlock>([&] { db.execute("SELECT 1"); });
    EXPECT_EQ(error.kind, ErrorKind::pool_deadlock);
    EXPECT_TRUE(std::regex_search(
        error.message,
        std::regex("pool 'orders' is deadlocked: 2/2 leased, each to a caller that waits for "
                   "another connection, 1 waiting; the connections were taken at "
                   ".*deadlock_test.cpp:\\d+ in thread .*, and at .*deadlock_test.cpp:\\d+ in")))
        << error.message;
    EXPECT_FALSE(error.advice.empty());
    EXPECT_THROW((void)db.connection(), PoolTimeout) << "as which programs may catch it";
    EXPECT_EQ(first.fetch_val<int>("SELECT 1"), 1);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, at_once);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Deadlock, of_several_threads_ends_with_one_of_them) {
  constexpr int threads = 4;
  PooledDatabase db = open({.min_size = threads, .max_size = threads});
  db.wait();
  std::latch all_hold(threads);
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::future<int>> calls;
  for (int i = 0; i < threads; ++i) {
    calls.push_back(std::async(std::launch::async, [&] {
      Connection held = db.connection();
      all_hold.arrive_and_wait();
      return db.fetch_val<int>("SELECT 1");
    }));
  }
  int failed = 0;
  for (auto& call : calls) {
    try {
      EXPECT_EQ(call.get(), 1);
    } catch (const PoolDeadlock&) {
      ++failed;
    }
  }
  EXPECT_EQ(failed, 1) << "the others go on with its connection";
  EXPECT_LT(std::chrono::steady_clock::now() - begun, at_once);
}

/// A thread takes connections and passes them on: nobody knows who gives them back.
TEST_F(Deadlock, is_not_supposed_where_a_connection_was_moved) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  std::vector<std::thread> workers;
  for (int i = 0; i < 8; ++i) {
    Connection taken = db.connection();
    workers.emplace_back([connection = std::move(taken)]() mutable {
      EXPECT_EQ(connection.fetch_val<int>("SELECT 1 FROM pg_sleep(0.02)"), 1);
      Connection here = std::move(connection);
    });
  }
  for (std::thread& worker : workers) worker.join();
}

struct Session {
  explicit Session(PooledDatabase& db) : connection(db.connection()) {}
  Connection connection;
};

TEST_F(Deadlock, is_not_supposed_where_a_connection_outlives_what_its_thread_does) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  auto session = std::make_unique<Session>(db);
  auto next = std::async(std::launch::async, [&] {
    EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
    session.reset();
  });
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Deadlock, is_none_while_a_thread_goes_on_with_its_connection) {
  PooledDatabase db = open({.min_size = 2, .max_size = 2});
  std::promise<void> taken;
  auto worker = std::async(std::launch::async, [&] {
    Connection held = db.connection();
    taken.set_value();
    EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
    EXPECT_EQ(held.fetch_val<int>("SELECT 1"), 1);
  });
  taken.get_future().get();
  Connection held = db.connection();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Deadlock, a_timeout_says_what_the_thread_holds_itself) {
  PooledDatabase db = open({.min_size = 2, .max_size = 2});
  std::promise<void> taken;
  std::promise<void> over;
  auto worker = std::async(std::launch::async, [&] {
    Connection held = db.connection();
    taken.set_value();
    over.get_future().get();
  });
  taken.get_future().get();
  Connection held = db.connection();
  const ErrorInfo error = error_of<PoolTimeout>([&] { (void)db.connection(30ms); });
  over.set_value();
  EXPECT_EQ(error.kind, ErrorKind::pool_timeout);
  EXPECT_TRUE(std::regex_search(error.message, std::regex("; this thread holds 1 of the pool's connections "
                                                          "itself, taken at .*deadlock_test.cpp:\\d+ in")))
      << error.message;
}

}  // namespace
}  // namespace copg::test
