// Many threads, all calls, random trouble: everybody gets their own rows, in their turn, and the counters
// come to rest.
#include "integration/database_test.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

constexpr int callers = 16;

std::chrono::seconds duration() {
  const char* text = std::getenv("COPG_STRESS_SECONDS");
  return std::chrono::seconds(text != nullptr ? std::atoi(text) : 5);
}

class Threads : public DatabaseTest {
 protected:
  using Dice = std::minstd_rand;

  /// Runs `body(number, dice)` in many threads over and over, until the time is up. Errors of this library
  /// are part of the game, except those of `usage`.
  template <class Body>
  void run(Body body) {
    std::vector<std::thread> threads;
    const auto end = std::chrono::steady_clock::now() + duration();
    for (int number = 0; number < callers; ++number) {
      threads.emplace_back([this, body, number, end] {
        Dice dice(static_cast<unsigned>(number) + 1);
        while (std::chrono::steady_clock::now() < end) {
          try {
            body(number, dice);
          } catch (const UsageError& error) {
            note(error.what());
          } catch (const DataError& error) {
            note(error.what());
          } catch (const Error&) {
            ++errors_;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(surprises_, std::vector<std::string>());
  }
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    surprises_.push_back(std::move(what));
  }
  /// Nobody is left in the pool, and it serves.
  static void comes_to_rest(PooledDatabase& db) {
    EXPECT_TRUE(eventually([&] {
      const PoolStats now = db.stats();
      return now.leased == 0 && now.requests_waiting == 0 && now.resetting == 0 && now.checking == 0 &&
             now.closing == 0 && now.connecting == 0 && now.pool_available == now.pool_size &&
             now.pool_size >= now.pool_min && now.pool_size <= now.pool_max;
    })) << "size "
        << db.stats().pool_size << ", leased " << db.stats().leased << ", resetting " << db.stats().resetting
        << ", connecting " << db.stats().connecting << ", closing " << db.stats().closing;
    for (int i = 0; i < 20; ++i) EXPECT_EQ(db.fetch_val<int>("SELECT $1::int", i), i);
  }
  static int roll(Dice& dice, int sides) { return std::uniform_int_distribution(0, sides - 1)(dice); }

  std::atomic<std::int64_t> errors_ = 0;

 private:
  std::mutex mutex_;
  std::vector<std::string> surprises_;
};

TEST_F(Threads, every_caller_gets_its_own_rows_whatever_the_others_do) {
  PooledDatabase db = open({.min_size = 2, .max_size = 5});
  db.execute("CREATE TABLE mixed (x int)");
  std::atomic<std::int64_t> served = 0;
  std::atomic<int> tags = 0;
  run([&](int, Dice& dice) {
    const int tag = ++tags;
    const auto mine = [&](int row) {
      if (row != tag) note("another's row");
      ++served;
    };
    switch (roll(dice, 16)) {
      case 0: db.execute("SELECT 1 / ($1::int - $1::int)", tag); break;
      case 1: (void)db.connection(Seconds(0.0005)); break;
      case 2: {
        Connection conn = db.connection();
        conn.timeout(Seconds(0.0003 * roll(dice, 5)));
        mine(conn.fetch_val<int>("SELECT $1::int FROM pg_sleep(0.0005)", tag));
        break;
      }
      case 3: {
        Connection conn = db.connection();
        conn.execute("SELECT pg_terminate_backend(pg_backend_pid())");
        break;
      }
      case 4: db.execute_many("INSERT INTO mixed VALUES ($1)", std::vector<int>{tag, tag, tag}); break;
      case 5:
        db.transaction([&](Connection& tx) {
          tx.execute("INSERT INTO mixed VALUES ($1)", tag);
          tx.transaction([&](Connection& in) { mine(in.fetch_val<int>("SELECT $1::int + 0", tag)); });
        });
        break;
      case 6: db.connection().close(); break;
      case 7: db.execute("SET work_mem = '1MB'"); break;
      case 8: db.resize(roll(dice, 3), 3 + roll(dice, 4)); break;
      case 9:
        if (roll(dice, 8) == 0) db.drain();
        break;
      case 10:
        db.suspend();
        db.resume();
        break;
      case 11:
        (void)db.stats();
        (void)db.to_string();
        break;
      case 12:
        if (roll(dice, 8) == 0) db.check();
        break;
      default: mine(db.fetch_val<int>("SELECT $1::int", tag)); break;
    }
  });
  EXPECT_GT(served, 0);
  db.resize(2, 5);
  comes_to_rest(db);
}

TEST_F(Threads, nobody_overtakes_when_there_is_one_connection) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  for (int round = 0; round < 20; ++round) {
    std::optional<Connection> held = db.connection();
    std::mutex mutex;
    std::vector<int> served;
    std::vector<std::thread> queue;
    for (int number = 0; number < callers; ++number) {
      queue.emplace_back([&, number] {
        const Connection mine = db.connection();
        const std::lock_guard lock(mutex);
        served.push_back(number);
      });
      ASSERT_TRUE(
          eventually([&] { return db.stats().requests_waiting == static_cast<unsigned>(number) + 1; }));
    }
    held.reset();
    for (std::thread& thread : queue) thread.join();
    EXPECT_TRUE(std::is_sorted(served.begin(), served.end()));
    EXPECT_EQ(served.size(), static_cast<std::size_t>(callers));
  }
}

TEST_F(Threads, what_was_said_to_be_committed_is_there_also_when_connections_are_killed) {
  PooledDatabase db = open({.min_size = 2, .max_size = 6});
  PooledDatabase killer = open({.min_size = 1, .max_size = 1});
  db.execute("CREATE TABLE promised (caller int, n int)");
  std::atomic<std::int64_t> promised = 0;
  std::atomic<std::int64_t> in_doubt = 0;
  run([&](int number, Dice& dice) {
    if (number == 0) {
      killer.execute(
          "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE backend_type = "
          "'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1) AS victim");
      return;
    }
    try {
      db.transaction([&](Connection& tx) {
        tx.execute("INSERT INTO promised VALUES ($1, $2)", number, roll(dice, 1000));
      });
      ++promised;
    } catch (const CommitUnknown&) {
      ++in_doubt;
      throw;
    }
  });
  std::int64_t kept = 0;
  ASSERT_TRUE(eventually([&] {
    try {
      kept = db.fetch_val<std::int64_t>("SELECT count(*) FROM promised");
      return true;
    } catch (const ConnectionFailed&) {
      return false;
    }
  }));
  EXPECT_GT(promised, 0);
  EXPECT_GE(kept, promised);
  EXPECT_LE(kept, promised + in_doubt);
  comes_to_rest(db);
}

}  // namespace
}  // namespace copg::test
