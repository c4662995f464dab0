// What a pool measures: known times land in the histograms, and each event in the counter of its reason.
#include <future>
#include <thread>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

class Metrics : public DatabaseTest {
 protected:
  /// How many lasted at least so long.
  [[nodiscard]] static std::uint64_t at_least(const Histogram& histogram, std::chrono::nanoseconds limit) {
    return histogram.count() - histogram.shorter_than(limit);
  }
};

TEST_F(Metrics, of_a_statement_say_how_long_the_server_took) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.execute("SELECT 1");
  db.execute("SELECT pg_sleep(0.05)");
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.name, db.name());
  EXPECT_EQ(metrics.operations.count(), 2U);
  EXPECT_EQ(at_least(metrics.operations, 50ms), 1U);
  EXPECT_LT(metrics.operations.longest(), 10s);
  EXPECT_EQ(metrics.uses.count(), 2U);
  EXPECT_EQ(at_least(metrics.uses, 50ms), 1U);
  EXPECT_EQ(metrics.stats.requests_num, 2U);
}

TEST_F(Metrics, of_statements_on_a_lease_are_seen_before_it_ends) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  for (std::uint64_t done = 1; done <= 40; ++done) {
    conn.execute(done == 20 ? "SELECT pg_sleep(0.02)" : "SELECT 1");
    ASSERT_EQ(db.metrics().operations.count(), done);
  }
  EXPECT_EQ(db.metrics().uses.count(), 0U);
  conn.release();
  EXPECT_EQ(db.metrics().operations.count(), 40U);
  EXPECT_EQ(at_least(db.metrics().operations, 20ms), 1U);
  EXPECT_EQ(db.metrics().uses.count(), 1U);
}

TEST_F(Metrics, of_a_transaction_count_its_statements_and_its_commit) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.transaction([](Connection& conn) {
    conn.execute("SELECT 1");  // BEGIN goes along with it
    conn.execute("SELECT 2");
  });
  EXPECT_EQ(db.metrics().operations.count(), 3U);
}

TEST_F(Metrics, of_a_statement_that_is_given_up_say_how_long_it_was_waited_for) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  EXPECT_THROW(db.within(50ms).execute("SELECT pg_sleep(20)"), QueryTimeout);
  {
    Connection conn = db.connection();
    EXPECT_THROW(conn.within(50ms).execute("SELECT pg_sleep(20)"), QueryTimeout);
  }
  EXPECT_TRUE(eventually([&] { return db.stats().resets_num == 2; }));
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.operations.count(), 2U);
  EXPECT_EQ(at_least(metrics.operations, 49ms), 2U);
  EXPECT_EQ(metrics.resets_by[ResetCause::unfinished], 2U);
  EXPECT_EQ(metrics.resets.count(), 2U);
  EXPECT_GE(metrics.cancels_num, 2U);
}

TEST_F(Metrics, of_statements_that_travel_together_count_each_once) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection held = db.connection();
  constexpr std::uint64_t callers = 12;
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < callers; ++i) threads.emplace_back([&] { db.execute("SELECT 1"); });
  EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == callers; }));
  held.release();
  for (auto& it : threads) it.join();
  const PoolMetrics metrics = db.metrics();
  EXPECT_GT(metrics.stats.statements_shared, 0U);
  EXPECT_EQ(metrics.operations.count(), callers);
  EXPECT_EQ(metrics.waits.count(), callers + 1);
}

TEST_F(Metrics, of_a_wait_say_how_long_it_was) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  Connection held = db.connection();
  auto waits = std::async(std::launch::async, [&] { (void)db.connection(); });
  EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  held.execute("SELECT pg_sleep(0.05)");
  held.release();
  waits.get();
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.waits.count(), 2U);
  EXPECT_EQ(at_least(metrics.waits, 50ms), 1U);
  EXPECT_EQ(metrics.waits.quantile(0.5), 0ns);
  EXPECT_EQ(metrics.waits.sum(), metrics.stats.requests_wait);
}

TEST_F(Metrics, count_requests_that_fail_by_the_kind_of_their_error) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .max_waiting = 1});
  Connection held = db.connection();
  EXPECT_THROW((void)db.connection(10ms), PoolDeadlock);  // this thread has the only one
  std::async(std::launch::async, [&] { EXPECT_THROW((void)db.connection(10ms), PoolTimeout); }).get();
  auto waits = std::async(std::launch::async, [&] { EXPECT_THROW((void)db.connection(), PoolClosed); });
  EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  std::async(std::launch::async, [&] { EXPECT_THROW((void)db.connection(), TooManyRequests); }).get();
  db.close(0s);
  waits.get();
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.failures[ErrorKind::pool_deadlock], 1U);
  EXPECT_EQ(metrics.failures[ErrorKind::pool_timeout], 1U);
  EXPECT_EQ(metrics.failures[ErrorKind::too_many_requests], 1U);
  EXPECT_EQ(metrics.failures[ErrorKind::pool_closed], 1U);
  EXPECT_EQ(metrics.failures.total(), metrics.stats.requests_errors);
}

TEST_F(Metrics, count_requests_that_fail_because_no_connect_succeeds) {
  Config nowhere = config();
  nowhere.database = "no_such_database";
  PooledDatabase db(nowhere, {.min_size = 1, .max_size = 1, .timeout = 20s});
  EXPECT_THROW(db.execute("SELECT 1"), ConfigurationError);
  EXPECT_EQ(db.metrics().failures[ErrorKind::connection_failed], 1U);
  EXPECT_EQ(db.metrics().connects.count(), 0U);
  EXPECT_GE(db.metrics().stats.connections_errors, 1U);
}

TEST_F(Metrics, count_closes_by_their_reason) {
  PooledDatabase db = open({.min_size = 0, .max_size = 3});
  {
    std::vector<Connection> all;
    for (int i = 0; i < 3; ++i) all.push_back(db.connection());
  }
  db.resize(0, 2);
  { db.connection().close(); }
  EXPECT_TRUE(eventually([&] { return db.stats().closing == 0; }));
  db.drain();
  db.execute("SELECT 1");
  (void)db.connection().detach();
  EXPECT_TRUE(eventually([&] { return db.stats().closing == 0; }));
  const auto closes = db.metrics().closes;
  EXPECT_EQ(closes[CloseReason::surplus], 1U);
  EXPECT_EQ(closes[CloseReason::discarded], 1U);
  EXPECT_EQ(closes[CloseReason::drained], 1U);
  EXPECT_EQ(closes[CloseReason::detached], 1U);
  EXPECT_EQ(closes.total(), 4U);
}

TEST_F(Metrics, divide_a_connect_into_its_phases) {
  PooledDatabase db =
      open({.min_size = 1,
            .max_size = 1,
            .configure = [](Connection& conn) { conn.execute("SELECT pg_sleep(0.03)"); },
            .credentials = [] { return Credentials{.user = config().user, .password = ""}; }});
  db.wait();
  const PoolMetrics metrics = db.metrics();
  ASSERT_EQ(metrics.connects.count(), 1U);
  std::chrono::nanoseconds phases{};
  for (const auto phase : {ConnectPhase::credentials, ConnectPhase::resolve, ConnectPhase::connect,
                           ConnectPhase::authenticate, ConnectPhase::configure}) {
    EXPECT_EQ(metrics.phases[phase].count(), 1U) << to_string(phase);
    phases += metrics.phases[phase].sum();
  }
  phases += metrics.phases[ConnectPhase::encrypt].sum();
  EXPECT_EQ(at_least(metrics.phases[ConnectPhase::configure], 30ms), 1U);
  EXPECT_LE(phases, metrics.connects.sum());
  EXPECT_GE(phases, metrics.connects.sum() / 2);  // the rest is handed from thread to thread
  EXPECT_EQ(metrics.operations.count(), 0U);      // `configure` is no caller
}

TEST_F(Metrics, do_not_count_a_phase_that_a_connect_did_not_have) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  const PoolMetrics metrics = db.metrics();
  EXPECT_EQ(metrics.phases[ConnectPhase::configure].count(), 0U);
  EXPECT_EQ(metrics.phases[ConnectPhase::credentials].count(), 0U);
  EXPECT_EQ(metrics.phases[ConnectPhase::authenticate].count(), 1U);
}

TEST_F(Metrics, count_resets_by_what_made_them_necessary) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  {
    Connection conn = db.connection();
    conn.autocommit(true);
    conn.execute("SET work_mem = '8MB'");
  }
  { db.connection().execute("SELECT 1"); }  // which has begun a transaction
  db.execute("SELECT 1");
  EXPECT_EQ(db.metrics().resets_by[ResetCause::session], 1U);
  EXPECT_EQ(db.metrics().resets_by[ResetCause::transaction], 1U);
  EXPECT_EQ(db.metrics().resets_by.total(), 2U);

  PooledDatabase always = open({.min_size = 1, .max_size = 1, .reset = ResetMode::full});
  always.execute("SELECT 1");
  always.execute("SELECT 1");
  EXPECT_GE(always.metrics().resets_by[ResetCause::always], 1U);

  PooledDatabase told = open({.min_size = 1, .max_size = 1, .on_return = [](Connection&) {}});
  told.execute("SELECT 1");
  told.execute("SELECT 1");
  EXPECT_GE(told.metrics().resets_by[ResetCause::on_return], 1U);
}

TEST_F(Metrics, since_an_earlier_snapshot_are_those_of_the_time_between) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  db.execute("SELECT pg_sleep(0.05)");
  const PoolMetrics before = db.metrics();
  for (int i = 0; i < 3; ++i) db.execute("SELECT 1");
  const PoolMetrics between = db.metrics().since(before);
  EXPECT_EQ(between.operations.count(), 3U);
  EXPECT_EQ(at_least(before.operations, 50ms), 1U);
  EXPECT_EQ(between.stats.requests_num, 3U);
  EXPECT_EQ(between.stats.pool_max, 2U);
  EXPECT_EQ(between.waits.count(), 3U);
  EXPECT_EQ(between.connects.count(), 0U);
  EXPECT_GT(between.period, 0ns);
  EXPECT_LT(between.period, db.metrics().period);
  // A pool that is younger than the snapshot has been made anew.
  EXPECT_EQ(before.since(db.metrics()).operations.count(), before.operations.count());
}

TEST_F(Metrics, can_be_read_while_threads_use_the_pool) {
  PooledDatabase db = open({.min_size = 1, .max_size = 3});
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  std::atomic<std::uint64_t> statements = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      while (!over) {
        if (i == 0) {
          db.execute("SELECT 1");
          ++statements;
          continue;
        }
        Connection conn = db.connection();
        for (int j = 0; j < 20; ++j, ++statements) conn.execute("SELECT 1");
      }
    });
  }
  std::uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    const std::uint64_t count = db.metrics().operations.count();
    ASSERT_GE(count, last);
    last = count;
  }
  EXPECT_TRUE(eventually([&] { return statements >= 2000; }));
  over = true;
  for (auto& it : threads) it.join();
  EXPECT_EQ(db.metrics().operations.count(), statements);
}

}  // namespace
}  // namespace copg::test
