// What observers are told on an event loop: the statement hook around each call, where its caller is.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct LoopObservers : AsyncTest {};

class LoopTracer final : public Observer {
 public:
  std::shared_ptr<void> statement_began(const event::StatementBegan& event) noexcept override {
    note("began " + std::string(event.text));
    return std::make_shared<std::thread::id>(std::this_thread::get_id());
  }
  void statement_ended(const event::StatementEnded& event,
                       const std::shared_ptr<void>& begun) noexcept override {
    EXPECT_EQ(*std::static_pointer_cast<std::thread::id>(begun), std::this_thread::get_id());
    std::string how = event.abandoned ? "abandoned " : event.error != nullptr ? "failed " : "ended ";
    note(how + std::string(event.text) + " " + std::to_string(event.rows) +
         (event.connection == 0 ? " nowhere" : ""));
  }
  void released(const event::Released&) noexcept override { note("released"); }

  [[nodiscard]] std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(seen_, {});
  }

 private:
  void note(std::string what) {
    const std::lock_guard lock(mutex_);
    seen_.push_back(std::move(what));
  }
  std::mutex mutex_;
  std::vector<std::string> seen_;
};

using Told = std::vector<std::string>;

TEST_F(LoopObservers, are_told_of_each_call_before_and_after_on_its_event_loop) {
  const auto tracer = std::make_shared<LoopTracer>();
  auto db = make({.min_size = 1, .max_size = 1, .observer = tracer});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("SELECT 1");
    EXPECT_EQ(tracer->take(), (Told{"began SELECT 1", "ended SELECT 1 1", "released"}));
    AsyncConnection connection = co_await db.connection();
    co_await connection.execute("SELECT 2");
    co_await connection.commit();
    EXPECT_EQ(tracer->take(), (Told{"began SELECT 2", "ended SELECT 2 1", "began COMMIT", "ended COMMIT 0"}));
    connection.release();
    static_cast<void>(tracer->take());
    bool refused = false;
    try {
      co_await db.execute("SELECT 1 / 0");
    } catch (const QueryFailed&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    EXPECT_EQ(tracer->take(), (Told{"began SELECT 1 / 0", "failed SELECT 1 / 0 0", "released"}));
  }());
}

TEST_F(LoopObservers, are_told_that_a_cancelled_call_was_abandoned) {
  const auto tracer = std::make_shared<LoopTracer>();
  auto db = make({.min_size = 1, .max_size = 1, .observer = tracer});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  asio::cancellation_signal signal;
  bool completed = false;
  db.execute(
      "SELECT pg_sleep(20)", params(),
      asio::bind_cancellation_slot(signal.slot(), [&](const std::exception_ptr& error, const auto&...) {
        completed = error != nullptr;
      }));
  run_until([&] { return db.stats().leased == 1; });
  signal.emit(asio::cancellation_type::terminal);
  run_until([&] { return completed; });
  const Told seen = tracer->take();
  ASSERT_GE(seen.size(), 2U);
  EXPECT_EQ(seen[0], "began SELECT pg_sleep(20)");
  EXPECT_EQ(seen[1], "abandoned SELECT pg_sleep(20) 0");
}

}  // namespace
}  // namespace copg::test
