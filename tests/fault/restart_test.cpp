// The server goes and comes back while callers keep calling.
#include "integration/database_test.hpp"

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

constexpr std::chrono::seconds recovery_time = 6s;  // of a hundred calls; recovery_test.cpp times the first

/// Threads that call without a pause, and keep what they get.
class Callers {
 public:
  Callers(PooledDatabase& db, int threads) {
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this, &db, i] {
        for (int n = 0; !stopping_; ++n) call(db, i * 1'000'000 + n);
      });
    }
  }
  ~Callers() { stop(); }
  void stop() {
    stopping_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] std::int64_t served() const { return served_; }
  [[nodiscard]] std::int64_t failed() const { return failed_; }
  [[nodiscard]] std::vector<std::string> surprises() {
    const std::lock_guard lock(mutex_);
    return surprises_;
  }

 private:
  void call(PooledDatabase& db, int tag) {
    try {
      if (db.fetch_val<int>("SELECT $1::int", tag) != tag) throw std::runtime_error("another's row");
      ++served_;
    } catch (const ConnectionFailed&) {
      ++failed_;
    } catch (const PoolTimeout&) {
      ++failed_;
    } catch (const QueryTimeout&) {
      ++failed_;
    } catch (const std::exception& error) {
      const std::lock_guard lock(mutex_);
      surprises_.emplace_back(error.what());
    }
  }

  std::atomic<bool> stopping_ = false;
  std::atomic<std::int64_t> served_ = 0;
  std::atomic<std::int64_t> failed_ = 0;
  std::mutex mutex_;
  std::vector<std::string> surprises_;
  std::vector<std::thread> threads_;
};

class Restart : public ::testing::TestWithParam<testing::StopMode> {};

TEST_P(Restart, under_load_gives_only_honest_errors_and_recovers_in_time) {
  testing::ThrowawayPostgres server;
  PooledDatabase db(Config::from_url(server.url()), {.min_size = 4, .max_size = 4, .timeout = 20s});
  Callers callers(db, 8);
  for (int round = 0; round < 2; ++round) {
    const std::int64_t before = callers.served();
    ASSERT_TRUE(eventually([&] { return callers.served() > before + 100; }));
    server.stop(GetParam());
    server.start();
    const std::int64_t down = callers.served();
    EXPECT_TRUE(eventually([&] { return callers.served() > down + 100; }, recovery_time));
  }
  callers.stop();
  EXPECT_EQ(callers.surprises(), std::vector<std::string>());
  EXPECT_LE(callers.failed(), 2 * 8) << "a parade of stale connections";
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 4 && db.stats().leased == 0; }));
}

INSTANTIATE_TEST_SUITE_P(Modes, Restart,
                         ::testing::Values(testing::StopMode::fast, testing::StopMode::immediate),
                         [](const auto& mode) {
                           return mode.param == testing::StopMode::fast ? "fast" : "immediate";
                         });

TEST(Outage, has_few_connects_and_ends_with_few) {
  testing::ThrowawayPostgres server;
  PooledDatabase db(Config::from_url(server.url()),
                    {.min_size = 4, .max_size = 10, .timeout = 20s, .num_workers = 2});
  db.wait();
  server.stop();
  std::atomic<int> served = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 20; ++i) {
    callers.emplace_back([&] { served += db.fetch_val<int>("SELECT 1"); });
  }
  ASSERT_TRUE(eventually([&] { return db.stats().connections_errors >= 8; }));
  EXPECT_LE(db.stats().connecting, 2U);
  server.start();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(served, 20) << "a request did not live through the outage, though its deadline did";
  EXPECT_LE(db.stats().pool_size, 10U);
}

TEST(Outage, an_idle_pool_lives_through_it_and_is_full_again) {
  testing::ThrowawayPostgres server;
  PooledDatabase db(Config::from_url(server.url()), {.min_size = 3, .max_size = 3, .timeout = 20s});
  db.wait();
  server.restart(testing::StopMode::immediate);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 3; }));
  EXPECT_LE(db.stats().returns_bad, 1U);
}

}  // namespace
}  // namespace copg::test
