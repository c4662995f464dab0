// Very many coroutines at a time: what one that waits costs, who is served when, and threads in the same
// queue.
#include <malloc.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <numeric>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "async/async_test.hpp"
#include "support/sanitizers.hpp"

namespace copg::test {
namespace {

constexpr bool sanitized = under_address_sanitizer || under_thread_sanitizer;
constexpr int crowd = sanitized ? 5'000 : 100'000;

std::size_t allocated() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

struct Crowd : AsyncTest {
  /// Lets the event loop run until `condition()`.
  template <class Condition>
  [[nodiscard]] bool run_until(Condition condition, std::chrono::seconds limit = 120s) {
    io.restart();
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!condition() && io.run_one_until(give_up) > 0) continue;
    return condition();
  }
};

TEST_F(Crowd, a_waiting_call_takes_less_than_a_kibibyte_and_all_are_served_in_order) {
  auto db = make({.min_size = 1, .max_size = 1, .timeout = 300s});
  std::optional<AsyncConnection> held;
  run([&]() -> awaitable<void> {
    co_await db.open();
    held = co_await db.connection();
  }());

  std::vector<int> served;
  served.reserve(crowd);
  std::vector<asio::cancellation_signal> signals(crowd / 10);
  int cancelled = 0;
  const std::size_t before = allocated();
  for (int i = 0; i < crowd; ++i) {
    auto done = [&, i](const std::exception_ptr& error, int value) {
      if (error) {
        ++cancelled;
      } else if (value == i) {
        served.push_back(i);
      }
    };
    if (i % 10 == 9) {
      auto& signal = signals.at(static_cast<std::size_t>(i / 10));
      db.fetch_val<int>("SELECT $1::int", params(i),
                        asio::bind_cancellation_slot(signal.slot(), std::move(done)));
    } else {
      db.fetch_val<int>("SELECT $1::int", params(i), std::move(done));
    }
  }
  const double per_call = static_cast<double>(allocated() - before) / crowd;
  RecordProperty("bytes_per_waiting_call", std::to_string(per_call));
  std::printf("%.0f bytes per waiting call\n", per_call);
  if (!sanitized) {
    EXPECT_LE(per_call, 1024);
  }
  EXPECT_EQ(db.stats().requests_waiting, static_cast<std::uint64_t>(crowd));

  // A cancel that looked for its call would take minutes for all of these.
  std::vector<std::size_t> order(signals.size());
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), std::minstd_rand(1));
  const auto took = time_of([&] {
    for (const std::size_t which : order) signals[which].emit(asio::cancellation_type::terminal);
  });
  EXPECT_LT(took, 5s);
  std::printf("%.2f us per cancel\n", took.count() * 1e6 / static_cast<double>(signals.size()));
  const int left = crowd - static_cast<int>(signals.size());
  EXPECT_EQ(db.stats().requests_waiting, static_cast<std::uint64_t>(left));

  held.reset();
  EXPECT_TRUE(run_until([&] { return static_cast<int>(served.size()) + cancelled == crowd; }));
  EXPECT_EQ(cancelled, static_cast<int>(signals.size()));
  EXPECT_EQ(static_cast<int>(served.size()), left);
  EXPECT_TRUE(std::is_sorted(served.begin(), served.end()));
  run([&]() -> awaitable<void> { co_await db.close(); }());
}

awaitable<void> ask(AsyncPooledDatabase& db, int number, std::vector<int>& served) {
  const int value = co_await db.fetch_val<int>("SELECT $1::int", number);
  served.push_back(value);
}

/// What the coroutine itself takes is the program's choice; this says how it compares.
TEST_F(Crowd, so_many_coroutines_are_served_in_order) {
  auto db = make({.min_size = 1, .max_size = 1, .timeout = 300s});
  std::optional<AsyncConnection> held;
  run([&]() -> awaitable<void> {
    co_await db.open();
    held = co_await db.connection();
  }());
  std::vector<int> served;
  served.reserve(crowd);
  const std::size_t before = allocated();
  for (int i = 0; i < crowd; ++i) asio::co_spawn(io, ask(db, i, served), asio::detached);
  ASSERT_TRUE(run_until([&] { return db.stats().requests_waiting == static_cast<unsigned>(crowd); }));
  std::printf("%.0f bytes per waiting coroutine, its frames included\n",
              static_cast<double>(allocated() - before) / crowd);
  held.reset();
  EXPECT_TRUE(run_until([&] { return static_cast<int>(served.size()) == crowd; }));
  EXPECT_TRUE(std::is_sorted(served.begin(), served.end()));
  run([&]() -> awaitable<void> { co_await db.close(); }());
}

/// Threads that use the pool's other face while the event loop runs on a thread of its own.
struct BothFaces : DatabaseTest {
  static constexpr int threads = 8;
  static constexpr int coroutines = 1000;
  asio::thread_pool loop{1};
};

TEST_F(BothFaces, threads_and_coroutines_stand_in_one_queue) {
  AsyncPooledDatabase db(loop, config(), {.min_size = 1, .max_size = 1, .timeout = 60s});
  PooledDatabase sync = db.sync();
  asio::co_spawn(
      loop, [&]() -> awaitable<void> { co_await db.open(); }, asio::use_future)
      .get();
  std::optional<Connection> held = sync.connection();
  std::mutex mutex;
  std::vector<int> served;
  const auto serve = [&](int number) {
    const std::lock_guard lock(mutex);
    served.push_back(number);
  };
  std::vector<std::thread> running;
  for (int number = 0; number < coroutines + threads; ++number) {
    if (number % (coroutines / threads) == 60 && running.size() < threads) {
      running.emplace_back([&, number] {
        const Connection mine = sync.connection();
        serve(number);
      });
    } else {
      db.connection({}, [&, number](const std::exception_ptr&, AsyncConnection mine) {
        serve(number);
        mine = AsyncConnection();
      });
    }
    ASSERT_TRUE(
        eventually([&] { return sync.stats().requests_waiting == static_cast<unsigned>(number) + 1; }));
  }
  held.reset();
  for (std::thread& thread : running) thread.join();
  EXPECT_TRUE(eventually([&] { return sync.stats().leased == 0 && sync.stats().requests_waiting == 0; }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(served.size(), static_cast<std::size_t>(coroutines + threads));
  EXPECT_TRUE(std::is_sorted(served.begin(), served.end()));
}

/// Waits of one kind of callers.
class Waits {
 public:
  void add(std::chrono::duration<double> wait) {
    const std::lock_guard lock(mutex_);
    waits_.push_back(wait.count());
  }
  [[nodiscard]] std::size_t count() const {
    const std::lock_guard lock(mutex_);
    return waits_.size();
  }
  [[nodiscard]] double quantile(double which) {
    const std::lock_guard lock(mutex_);
    const auto at =
        waits_.begin() + static_cast<std::ptrdiff_t>(which * static_cast<double>(waits_.size() - 1));
    std::nth_element(waits_.begin(), at, waits_.end());
    return *at;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<double> waits_;
};

TEST_F(BothFaces, neither_kind_of_callers_waits_longer_than_the_other) {
  constexpr int calls = 20;  // of each
  AsyncPooledDatabase db(loop, config(), {.min_size = 4, .max_size = 4, .timeout = 60s});
  PooledDatabase sync = db.sync();
  asio::co_spawn(
      loop, [&]() -> awaitable<void> { co_await db.open(); }, asio::use_future)
      .get();
  Waits of_coroutines, of_threads;
  std::atomic<int> tags = 0, wrong = 0, ended = 0;
  const auto now = std::chrono::steady_clock::now;
  for (int i = 0; i < coroutines; ++i) {
    asio::co_spawn(
        loop,
        [&]() -> awaitable<void> {
          for (int n = 0; n < calls; ++n) {
            const int tag = ++tags;
            const auto begin = now();
            const int row = co_await db.fetch_val<int>("SELECT $1::int", tag);
            of_coroutines.add(now() - begin);
            if (row != tag) ++wrong;
          }
        },
        [&](const std::exception_ptr& error) {
          if (error) ++wrong;
          ++ended;
        });
  }
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) {
    running.emplace_back([&] {
      for (int n = 0; n < calls; ++n) {
        const int tag = ++tags;
        const auto begin = now();
        if (sync.fetch_val<int>("SELECT $1::int", tag) != tag) ++wrong;
        of_threads.add(now() - begin);
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  EXPECT_TRUE(eventually([&] { return ended == coroutines; }, 60s));
  EXPECT_EQ(wrong, 0);
  ASSERT_EQ(of_coroutines.count(), static_cast<std::size_t>(coroutines * calls));
  ASSERT_EQ(of_threads.count(), static_cast<std::size_t>(threads * calls));
  std::printf("waits, median and worst: coroutines %.1f ms, %.1f ms; threads %.1f ms, %.1f ms\n",
              of_coroutines.quantile(0.5) * 1e3, of_coroutines.quantile(1) * 1e3,
              of_threads.quantile(0.5) * 1e3, of_threads.quantile(1) * 1e3);
  // All stand in the same queue: whoever was overtaken again and again would stand out.
  EXPECT_LT(of_threads.quantile(0.5), 5 * of_coroutines.quantile(0.5) + 0.05);
  EXPECT_LT(of_threads.quantile(1), 5 * of_coroutines.quantile(1) + 0.05);
  EXPECT_LT(of_coroutines.quantile(1), 20 * of_coroutines.quantile(0.5) + 2);
}

}  // namespace
}  // namespace copg::test
