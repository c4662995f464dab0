// A thousand coroutines, connections or the whole server killed, calls that are cancelled at any moment:
// everybody gets their own rows or an error by their deadline, nothing is stored twice, no session is found
// as another left it, no connection has two owners, and the pool comes to rest.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "async/async_test.hpp"

#if defined(__SANITIZE_THREAD__)
/// The thread sanitizer does not model the fence by which Asio's last reference to a shared executor sees
/// what the others did (ref_count_down in asio/detail/atomic_count.hpp).
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_suppressions();  // NOLINT
extern "C" const char* __tsan_default_suppressions() {                                        // NOLINT
  return "race:shared_target_executor::~shared_target_executor\n";
}
#endif

namespace copg::test {
namespace {

using namespace asio::experimental::awaitable_operators;  // NOLINT(google-build-using-namespace)
using std::chrono::steady_clock;

constexpr int coroutines = 1000;
constexpr Seconds timeout{2};
/// Beyond the deadline: for a machine that has better things to do.
constexpr Seconds slack{3};

std::chrono::seconds duration() {
  const char* text = std::getenv("COPG_STRESS_SECONDS");
  return std::chrono::seconds(text != nullptr ? std::atoi(text) : 5);
}

class Storm : public DatabaseTest {
 protected:
  using Dice = std::minstd_rand;

  static int roll(Dice& dice, int sides) { return std::uniform_int_distribution(0, sides - 1)(dice); }

  enum class Fault : std::uint8_t { connections_die, server_dies };

  /// The storm, on the threads that run `executor`.
  void rage(const asio::any_io_executor& executor, Fault fault) {
    AsyncPooledDatabase db(executor, config(),
                           {.min_size = 2, .max_size = 10, .timeout = timeout, .num_workers = 4});
    AsyncPooledDatabase killer(executor, config(), {.min_size = 1, .max_size = 1, .timeout = timeout});
    asio::co_spawn(
        executor,
        [&]() -> awaitable<void> {
          co_await db.open();
          co_await killer.open();
          co_await db.execute("DROP TABLE IF EXISTS stored; CREATE TABLE stored (tag int)");
          // What was committed outlives a crash.
          co_await db.execute("ALTER DATABASE postgres SET synchronous_commit = on");
          db.drain();
        },
        asio::use_future)
        .get();
    const auto end = steady_clock::now() + duration();
    std::atomic<int> running = coroutines;
    const auto over = [&](const std::exception_ptr& error) {
      if (error) note("a coroutine died");
      --running;
    };
    for (int number = 0; number < coroutines; ++number) {
      // Within a strand, since a timer and a call are cancelled by whichever ends first.
      asio::co_spawn(asio::make_strand(executor), call_again_and_again(db, number, end), over);
    }
    if (fault == Fault::connections_die) {
      ++running;
      asio::co_spawn(asio::make_strand(executor), kill_now_and_then(killer, end), over);
    } else {
      crash_now_and_then(end);
    }
    EXPECT_TRUE(eventually([&] { return running == 0; }, duration() + 60s)) << running << " have not ended";

    EXPECT_EQ(surprises_, std::vector<std::string>());
    EXPECT_GT(served_, coroutines);
    EXPECT_GT(cancelled_, 0);
    EXPECT_GT(killed_, 0);
    std::printf("%lld served, %lld cancelled, %lld errors, %lld %s killed\n", served_.load(),
                cancelled_.load(), errors_.load(), killed_.load(),
                fault == Fault::server_dies ? "servers" : "connections");
    EXPECT_TRUE(eventually([&] {
      const PoolStats now = db.stats();
      return now.leased == 0 && now.requests_waiting == 0 && now.resetting == 0 && now.checking == 0 &&
             now.closing == 0 && now.connecting == 0 && now.pool_available == now.pool_size &&
             now.pool_size >= now.pool_min && now.pool_size <= now.pool_max;
    })) << "size "
        << db.stats().pool_size << ", leased " << db.stats().leased << ", waiting "
        << db.stats().requests_waiting << ", resetting " << db.stats().resetting;
    EXPECT_GT(db.stats().statements_shared, 0U);
    std::printf("%llu statements in %llu runs\n",
                static_cast<unsigned long long>(db.stats().statements_shared),
                static_cast<unsigned long long>(db.stats().runs_num));
    asio::co_spawn(
        executor,
        [&]() -> awaitable<void> {
          const long long rows = co_await count(db, "SELECT count(*) FROM stored");
          const long long tags = co_await count(db, "SELECT count(DISTINCT tag) FROM stored");
          EXPECT_EQ(rows, tags) << "something was stored twice";
          EXPECT_GE(rows, stored_);
          EXPECT_LE(rows, stored_ + unknown_);
          co_await db.close();
          co_await killer.close();
        },
        asio::use_future)
        .get();
  }

 private:
  awaitable<void> call_again_and_again(AsyncPooledDatabase& db, int number, steady_clock::time_point end) {
    Dice dice(static_cast<unsigned>(number) + 1);
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (steady_clock::now() < end) {
      const int tag = ++tags_;
      const int action = roll(dice, 12);
      const int calls = action == 5 || action == 6 ? 3 : 1;  // each with a deadline of its own
      const auto begin = steady_clock::now();
      try {
        if (action < 3) {
          const int row = co_await db.fetch_val<int>("SELECT $1::int", tag);
          check(row, tag);
        } else if (action < 5) {
          timer.expires_after(std::chrono::microseconds(roll(dice, 40'000)));
          const auto first = co_await (ask(db, tag) || timer.async_wait(asio::use_awaitable));
          if (first.index() == 1) {
            ++cancelled_;
          } else {
            check(std::get<0>(first), tag);
          }
        } else if (action < 6) {
          timer.expires_after(std::chrono::microseconds(roll(dice, 40'000)));
          const auto first = co_await (lease(db, tag) || timer.async_wait(asio::use_awaitable));
          if (first.index() == 1) ++cancelled_;
        } else if (action < 7) {
          co_await lease(db, tag);
        } else if (action < 8) {
          co_await db.execute("SELECT 1 / ($1::int - $1::int)", tag);
          note("divided by zero");
        } else if (action < 9) {
          ++unknown_;
          co_await db.execute("INSERT INTO stored VALUES ($1)", tag);
          --unknown_;
          ++stored_;
        } else if (action < 10) {
          co_await litter(db, roll(dice, 5));
        } else if (action < 11 || tag % 50 != 0) {
          const auto name = co_await db.fetch_val<std::string>("SELECT current_setting('application_name')");
          if (name == "litter") note("another's session");
        } else {
          const auto text = co_await db.fetch_val<std::string>("SELECT repeat('x', 10000000)");
          if (text.size() != 10'000'000) note("half of a text");
        }
      } catch (const UsageError& error) {
        note(error.what());
      } catch (const DataError& error) {
        note(error.what());
      } catch (const Error&) {
        ++errors_;
      }
      const Seconds took = steady_clock::now() - begin;
      if (took > calls * timeout + slack) note("a call took " + std::to_string(took.count()) + " s");
    }
  }

  /// After the storm, whose last victims may take their time to die.
  static awaitable<long long> count(AsyncPooledDatabase& db, const char* sql) {
    constexpr int most_victims = 10;
    for (int victims = 0;; ++victims) {
      try {
        co_return co_await db.fetch_val<long long>(sql);
      } catch (const ConnectionFailed&) {
        if (victims == most_victims) throw;
      }
    }
  }

  /// What must not be found by the next.
  static awaitable<void> litter(AsyncPooledDatabase& db, int kind) {
    switch (kind) {
      case 0: co_await db.execute("SET application_name = 'litter'"); break;
      case 1: co_await db.execute("BEGIN"); break;
      case 2: co_await db.execute("LISTEN litter"); break;
      case 3: co_await db.execute("LOCK TABLE stored"); break;  // refused outside a transaction
      default: co_await db.execute("DECLARE litter CURSOR FOR SELECT 1"); break;  // likewise
    }
  }

  awaitable<int> ask(AsyncPooledDatabase& db, int tag) {
    const int row = co_await db.fetch_val<int>("SELECT $1::int FROM pg_sleep(0.0005)", tag);
    co_return row;
  }

  awaitable<void> lease(AsyncPooledDatabase& db, int tag) {
    AsyncConnection conn = co_await db.connection();
    const Ownership mine(*this, conn.backend_pid());
    const int row = co_await conn.fetch_val<int>("SELECT $1::int", tag);
    check(row, tag);
    const int again = co_await conn.fetch_val<int>("SELECT $1::int", tag + 1);
    check(again, tag + 1);
  }

  awaitable<void> kill_now_and_then(AsyncPooledDatabase& killer, steady_clock::time_point end) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    while (steady_clock::now() < end) {
      timer.expires_after(std::min<steady_clock::duration>(1s, std::chrono::milliseconds(duration()) / 8));
      co_await timer.async_wait(asio::use_awaitable);
      try {
        const Result victims = co_await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE backend_type = "
            "'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 5) AS victim");
        killed_ += static_cast<long long>(victims.size());
      } catch (const Error&) {
        ++errors_;
      }
    }
  }

  /// Every second, or as soon as the server is back: recovery takes its time.
  void crash_now_and_then(steady_clock::time_point end) {
    for (auto next = steady_clock::now() + 1s; next < end; next = std::max(next + 1s, steady_clock::now())) {
      ASSERT_TRUE(eventually([&] { return steady_clock::now() >= next; }));
      server().kill_hard();
      server().start();
      ++killed_;
    }
  }

  /// Of a connection, while it is leased.
  class Ownership {
   public:
    Ownership(Storm& storm, int pid) : storm_(storm), pid_(pid) {
      const std::lock_guard lock(storm_.mutex_);
      if (!storm_.owned_.insert(pid_).second) storm_.surprises_.emplace_back("a connection has two owners");
    }
    Ownership(const Ownership&) = delete;
    Ownership& operator=(const Ownership&) = delete;
    ~Ownership() {
      const std::lock_guard lock(storm_.mutex_);
      storm_.owned_.erase(pid_);
    }

   private:
    Storm& storm_;
    int pid_;
  };

  void check(int row, int tag) {
    if (row != tag) note("another's row");
    ++served_;
  }
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    surprises_.push_back(std::move(what));
  }

  std::mutex mutex_;
  std::set<int> owned_;
  std::vector<std::string> surprises_;
  std::atomic<int> tags_ = 0;
  std::atomic<long long> served_ = 0, cancelled_ = 0, errors_ = 0, killed_ = 0;
  std::atomic<long long> stored_ = 0, unknown_ = 0;  // rows; unknown: also those that were refused
};

TEST_F(Storm, on_one_event_loop) {
  asio::thread_pool loop(1);
  rage(loop.get_executor(), Fault::connections_die);
  loop.join();
}

TEST_F(Storm, on_two_threads) {
  asio::thread_pool loop(2);
  rage(loop.get_executor(), Fault::connections_die);
  loop.join();
}

TEST_F(Storm, on_a_server_that_dies_every_second) {
  asio::thread_pool loop(2);
  rage(loop.get_executor(), Fault::server_dies);
  loop.join();
}

}  // namespace
}  // namespace copg::test
