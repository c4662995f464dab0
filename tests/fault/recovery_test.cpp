// How soon a pool serves again after an outage.
#include "integration/database_test.hpp"

#include <cstdlib>
#include <future>
#include <random>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Seconds bound{0.3};

/// COPG_OUTAGES in the environment, if set, is how many there are.
int outages() {
  constexpr int usual = 10;
  const char* wanted = std::getenv("COPG_OUTAGES");  // NOLINT(concurrency-mt-unsafe)
  return wanted == nullptr ? usual : std::atoi(wanted);
}

/// Of several outages, the longest time from when a server accepts connections to the first answer, with
/// `callers` requests waiting all the time. They last between `shortest` and `longest`.
Seconds slowest_comeback(testing::ThrowawayPostgres& server, const std::string& url, Seconds shortest,
                         Seconds longest) {
  constexpr int callers = 8;
  PooledDatabase db = PooledDatabase::from_url(url, {.min_size = 2, .max_size = 4, .timeout = 60s});
  std::mt19937 lots(7);  // NOLINT(cert-msc51-cpp): the same outages in each run
  std::uniform_real_distribution<double> length(shortest.count(), longest.count());
  Seconds slowest{0};
  for (int outage = 0; outage < outages(); ++outage) {
    db.wait();
    server.stop();
    const auto down_until = Clock::now() + Seconds(length(lots));
    std::vector<std::future<Clock::time_point>> answers;
    for (int i = 0; i < callers; ++i) {
      answers.push_back(std::async(std::launch::async, [&db] {
        EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
        return Clock::now();
      }));
    }
    EXPECT_TRUE(eventually([&] { return Clock::now() >= down_until; }, 60s));
    server.start();  // returns as soon as it accepts connections
    const auto up = Clock::now();
    auto first = Clock::time_point::max();
    for (auto& answer : answers) first = std::min(first, answer.get());
    slowest = std::max(slowest, Seconds(first - up));
  }
  return slowest;
}

TEST(Recovery, the_first_answer_comes_within_300_ms_of_the_servers_return) {
  testing::ThrowawayPostgres server;
  const Seconds slowest = slowest_comeback(server, server.url(), 0.1s, outages() > 10 ? 10s : 1s);
  RecordProperty("slowest_s", std::to_string(slowest.count()));
  std::printf("the slowest first answer of %d came after %.3f s\n", outages(), slowest.count());
  EXPECT_LE(slowest, bound);
}

TEST(OutagePatience, ends_with_the_connect_error_and_begins_anew_when_the_server_is_back) {
  testing::ThrowawayPostgres server;
  server.stop();
  PooledDatabase db = PooledDatabase::from_url(server.url(), {.min_size = 0, .outage_patience = 200ms});
  const auto began = Clock::now();
  const ErrorInfo waited = error_of<ConnectionFailed>([&] { db.execute("SELECT 1"); });
  EXPECT_GE(Clock::now() - began, 200ms);
  for (const char* part : {"can't connect", "every connect has failed for 0."})
    EXPECT_NE(waited.message.find(part), std::string::npos) << waited.message;
  const std::uint64_t queued = db.stats().requests_queued;
  EXPECT_THROW(static_cast<void>(db.connection()), ConnectionFailed);
  EXPECT_THROW(db.execute("SELECT 1"), ConnectionFailed);
  EXPECT_EQ(db.stats().requests_queued, queued) << "they failed at once";

  server.start();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 1; })) << "without a request";
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

/// A server that was down for so long, with nobody asking, that the pool's own attempts are seconds apart.
class Neglected : public ::testing::Test {
 protected:
  Neglected() {
    server_.stop();
    db_.emplace(PooledDatabase::from_url(server_.url(), {.min_size = 2, .max_size = 4, .timeout = 20s}));
    EXPECT_TRUE(eventually([&] { return db_->stats().connections_errors >= 10; }));
    server_.start();
  }
  testing::ThrowawayPostgres server_;
  std::optional<PooledDatabase> db_;
};

TEST_F(Neglected, a_request_brings_the_next_connect_forward) {
  EXPECT_LE(time_of([&] { EXPECT_EQ(db_->fetch_val<int>("SELECT 1"), 1); }), bound);
}

TEST_F(Neglected, somebody_who_waits_for_the_pool_to_be_full_does_so_too) {
  EXPECT_LE(time_of([&] { db_->wait(); }), bound);
}

TEST_F(Neglected, and_so_does_a_check) {
  db_->check();
  // One is there at once; left alone the pool begins its next connect 2.5 to 5 s after the tenth.
  EXPECT_TRUE(eventually([&] { return db_->stats().pool_size > 0; }, 300ms));
  EXPECT_TRUE(eventually([&] { return db_->stats().pool_available == 2; }));
}

}  // namespace
}  // namespace copg::test
