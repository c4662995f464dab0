// Failovers, one after the other, while threads write: how long from when the new primary accepts until the
// first write, and whether a write that was acknowledged is lost, or done twice.
//
// COPG_FAILOVERS in the environment, if set, is how many there are.
#include <gtest/gtest.h>
#include <copg/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include "routing/database.hpp"
#include "support/eventually.hpp"

namespace copg::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int writers_at_a_time = 50;

int wanted_failovers() {
  const char* wanted = std::getenv("COPG_FAILOVERS");  // NOLINT(concurrency-mt-unsafe)
  return wanted == nullptr ? 1 : std::atoi(wanted);
}

/// What the threads have written: one row for each id, which is never written again.
class Writers {
 public:
  Writers(Database& db, int count) : db_(db) {
    for (int i = 0; i < count; ++i) threads_.emplace_back([this] { write(); });
  }
  ~Writers() { end(); }
  Writers(const Writers&) = delete;
  Writers& operator=(const Writers&) = delete;

  void end() {
    over_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  [[nodiscard]] int acknowledged() const { return acknowledged_; }
  /// When the last write was acknowledged.
  [[nodiscard]] Clock::time_point last() const { return Clock::time_point(Clock::duration(last_)); }
  [[nodiscard]] int late() const { return late_; }
  [[nodiscard]] std::string acknowledged_ids() {
    const std::lock_guard lock(mutex_);
    std::string ids;
    for (const int id : ids_) ids += (ids.empty() ? "" : ",") + std::to_string(id);
    return ids;
  }

 private:
  void write() {
    while (!over_) {
      const int id = ++next_;
      const auto begin = Clock::now();
      try {
        db_.execute("INSERT INTO written VALUES (" + std::to_string(id) + ")", {}, timeout);
        ++acknowledged_;
        last_ = Clock::now().time_since_epoch().count();
        const std::lock_guard lock(mutex_);
        ids_.push_back(id);
      } catch (const ConnectionFailed&) {  // lost on its way: it may have been written
      } catch (const QueryFailed&) {       // it met a server that was no primary any more
      }
      if (Clock::now() - begin > timeout + std::chrono::seconds(1)) ++late_;
    }
  }

  static constexpr std::chrono::seconds timeout{20};
  Database& db_;
  std::atomic<bool> over_ = false;
  std::atomic<int> next_ = 0;
  std::atomic<int> acknowledged_ = 0;
  std::atomic<int> late_ = 0;
  std::atomic<Clock::rep> last_ = 0;
  std::mutex mutex_;
  std::vector<int> ids_;
  std::vector<std::thread> threads_;
};

TEST(Failovers, end_soon_after_the_new_primary_accepts_and_lose_no_write) {
  const int failovers = wanted_failovers();
  // A write is acknowledged once the standby has it, so that none can be lost.
  Replicas servers(1, {{"synchronous_standby_names", "*"}, {"synchronous_commit", "on"}});
  servers.ask(0, "CREATE TABLE written (id int)");
  Database db(servers, {0, 1}, {.min_size = 2, .max_size = 8});
  std::vector<double> took_ms;
  std::size_t primary = 0;
  for (int i = 0; i < failovers; ++i) {
    const std::size_t standby = 1 - primary;
    ASSERT_TRUE(eventually([&] { return servers.has_all_of(standby, primary); }));
    Writers writers(db, writers_at_a_time);
    ASSERT_TRUE(eventually([&] { return writers.acknowledged() > 50; }));
    servers.server(primary).kill_hard();
    servers.promote(standby);
    const auto accepts = Clock::now();
    servers.ask(standby, "ALTER SYSTEM SET synchronous_standby_names = ''");
    servers.ask(standby, "SELECT pg_reload_conf()");
    const int before = writers.acknowledged();
    ASSERT_TRUE(eventually([&] { return writers.acknowledged() > before; }));
    took_ms.push_back(std::chrono::duration<double, std::milli>(Clock::now() - accepts).count());
    writers.end();
    EXPECT_EQ(writers.late(), 0);
    EXPECT_EQ(servers.ask(standby, "SELECT count(*) - count(DISTINCT id) FROM written"), "0");
    EXPECT_EQ(servers.ask(standby, "SELECT count(*) FROM unnest('{" + writers.acknowledged_ids() +
                                       "}'::int[]) AS sent (id) WHERE id NOT IN (SELECT id FROM written)"),
              "0");
    servers.ask(standby, "TRUNCATE written");
    servers.follow(primary, standby);
    primary = standby;
    ASSERT_TRUE(eventually([&] { return servers.has_all_of(1 - primary, primary); }));
    servers.ask(primary, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    servers.ask(primary, "SELECT pg_reload_conf()");
    ASSERT_TRUE(eventually([&] {
      return servers.ask(primary, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") ==
             "1";
    }));
  }
  std::ranges::sort(took_ms);
  std::printf("from promotion to the first write: median %.0f ms, p99 %.0f ms, longest %.0f ms, of %d\n",
              took_ms[took_ms.size() / 2], took_ms[(took_ms.size() * 99 - 1) / 100], took_ms.back(),
              failovers);
  EXPECT_LT(took_ms.back(), 1000);
}

}  // namespace
}  // namespace copg::test
