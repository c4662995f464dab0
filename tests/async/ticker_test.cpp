// Nothing that the pool does blocks its event loop: a ticker beside each of them must not be held up.
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <fstream>
#include <optional>
#include <vector>

#include "async/async_test.hpp"
#include "support/gate.hpp"

namespace copg::test {
namespace {

/// How long this thread has been ready to run while the CPUs were with others.
std::chrono::nanoseconds waited_for_cpu() {
  long long running = 0;
  long long waiting = 0;
  std::ifstream("/proc/thread-self/schedstat") >> running >> waiting;
  return std::chrono::nanoseconds(waiting);
}

/// Ticks each millisecond, and keeps by how much the latest tick was late, for want of a CPU apart.
class Ticker {
 public:
  static constexpr auto interval = 1ms;

  explicit Ticker(asio::io_context& io) : timer_(io) { tick(); }
  [[nodiscard]] std::chrono::milliseconds longest_gap() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(longest_);
  }
  void stop() { timer_.cancel(); }

 private:
  using Clock = std::chrono::steady_clock;

  void tick() {
    const auto due = Clock::now() + interval;
    const auto waited = waited_for_cpu();
    timer_.expires_at(due);
    timer_.async_wait([this, due, waited](const boost::system::error_code& error) {
      if (error) return;
      longest_ = std::max<Clock::duration>(longest_, Clock::now() - due - (waited_for_cpu() - waited));
      tick();
    });
  }

  asio::steady_timer timer_;
  Clock::duration longest_{};
};

struct NoBlocking : AsyncTest {
  /// The event loop is never held up for longer than 20 ms while `body` runs. The machine itself may hold it
  /// up in more ways than are known: a fault shows each time.
  void expect_ticking(const std::function<awaitable<void>()>& body) {
    constexpr int tries = 3;
    std::chrono::milliseconds gap{};
    for (int i = 0; i < tries; ++i) {
      Ticker ticker(io);
      run(body());
      ticker.stop();
      io.poll();
      gap = ticker.longest_gap();
      if (gap <= 20ms) return;
    }
    ADD_FAILURE() << "the event loop was held up for " << gap.count() << " ms";
  }
};

TEST_F(NoBlocking, resolving_names) {
  expect_ticking([&]() -> awaitable<void> {
    Config unknown = config();
    unknown.host = "no-such-host.invalid";
    AsyncPooledDatabase db(io, unknown, {.min_size = 1, .timeout = 1s});
    try {
      co_await db.open();
    } catch (const Error&) {
    }
    co_await db.close(0s);
  });
}

TEST_F(NoBlocking, connecting_with_a_password_and_closing) {
  expect_ticking([&]() -> awaitable<void> {
    AsyncPooledDatabase db(io, config(), {.min_size = 10, .max_size = 10, .num_workers = 10});
    co_await db.open();
    co_await db.close();
  });
}

TEST_F(NoBlocking, connecting_with_tls) {
  testing::ThrowawayPostgres tls({.tls = true});
  Config encrypting = Config::from_url(tls.tcp_url());
  encrypting.sslmode = "require";
  expect_ticking([&]() -> awaitable<void> {
    AsyncPooledDatabase db(io, encrypting, {.min_size = 4, .max_size = 4});
    co_await db.open();
    const bool encrypted =
        co_await db.fetch_val<bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    EXPECT_TRUE(encrypted);
    co_await db.close();
  });
}

TEST_F(NoBlocking, cancelling_at_a_server_that_does_not_answer) {
  Gate gate(server().port());
  expect_ticking([&]() -> awaitable<void> {
    AsyncPooledDatabase db(io, Config::from_url(gate.url()), {.min_size = 1, .max_size = 2, .timeout = 10s});
    co_await db.open();
    gate.hold_cancels();
    for (int i = 0; i < 2; ++i) {
      AsyncConnection conn = co_await db.connection();
      conn.timeout(100ms);
      try {
        co_await conn.execute("SELECT pg_sleep(1)");
      } catch (const QueryTimeout&) {
      }
    }
    gate.open();
    co_await db.close(100ms);
  });
}

TEST_F(NoBlocking, closing_when_the_server_does_not_answer) {
  Gate gate(server().port());
  expect_ticking([&]() -> awaitable<void> {
    gate.open();
    AsyncPooledDatabase db(io, Config::from_url(gate.url()), {.min_size = 2, .max_size = 3, .timeout = 10s});
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    gate.fall_silent();
    conn.execute("SELECT 1", params(), asio::detached);
    asio::co_spawn(
        io, [](AsyncPooledDatabase& pool) -> awaitable<void> { co_await pool.check(); }(db), asio::detached);
    const auto begun = std::chrono::steady_clock::now();
    co_await db.close(200ms);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
  });
}

}  // namespace
}  // namespace copg::test
