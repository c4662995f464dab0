// What the tests of the pool for event loops have in common: a server, an event loop, coroutines that must
// end.
#pragma once

#include <copg/async.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <utility>

#include "integration/database_test.hpp"

namespace copg::test {

namespace asio = boost::asio;
using asio::awaitable;

class AsyncTest : public DatabaseTest {
 protected:
  [[nodiscard]] AsyncPooledDatabase make(PoolOptions options = {}) {
    if (options.timeout == PoolOptions{}.timeout) options.timeout = 20s;
    return AsyncPooledDatabase(io, config(), std::move(options));
  }
  /// Runs the event loop until the coroutine has ended; what it throws comes through.
  void run(awaitable<void> coroutine, std::chrono::seconds limit = 30s) {
    bool ended = false;
    std::exception_ptr error;
    asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr thrown) {
      ended = true;
      error = std::move(thrown);
    });
    io.restart();
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!ended && io.run_one_until(give_up) > 0) continue;
    ASSERT_TRUE(ended) << "the coroutine has not ended after " << limit.count() << " s";
    if (error) std::rethrow_exception(error);
  }
  /// Runs the event loop until the condition holds.
  void run_until(const std::function<bool()>& condition, std::chrono::seconds limit = 30s) {
    io.restart();
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      io.restart();
      io.run_one_for(10ms);
    }
    ASSERT_TRUE(condition()) << "not within " << limit.count() << " s";
  }
  /// Lets the event loop finish everything, as a program's end does.
  void run_out() {
    io.restart();
    io.run_for(20s);
    EXPECT_TRUE(io.stopped()) << "the event loop still has work";
  }

  asio::io_context io{1};

 private:
  // opens the descriptors of the event loop's own before anything is counted
  asio::steady_timer reactor_{io};
};

}  // namespace copg::test
