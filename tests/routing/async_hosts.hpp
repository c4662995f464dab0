// An event loop, and a pool of several hosts on it, for tests.
#pragma once

#include <gtest/gtest.h>
#include <copg/async.hpp>
#include <copg/copg.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/eventually.hpp"
#include "support/replicas.hpp"

namespace copg::test {

namespace asio = boost::asio;
using asio::awaitable;
using namespace std::chrono_literals;

/// The servers as clients reach them, in this order.
inline Config hosts_of(Replicas& servers, const std::vector<std::size_t>& order) {
  std::string list;
  for (const std::size_t index : order)
    list += (list.empty() ? "" : ",") + ("127.0.0.1:" + std::to_string(servers.gate(index).port()));
  return Config::from_url("postgresql://postgres@" + list + "/postgres?sslmode=disable");
}

class EventLoop {
 public:
  asio::io_context io;  // NOLINT

  /// Runs until the coroutine has ended; what it throws comes through.
  void run(awaitable<void> coroutine, std::chrono::seconds limit = 60s) {
    bool ended = false;
    std::exception_ptr error;
    asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr thrown) {
      ended = true;
      error = std::move(thrown);
    });
    run_until([&] { return ended; }, limit);
    if (error) std::rethrow_exception(error);
  }
  void run_until(const std::function<bool()>& condition, std::chrono::seconds limit = 60s) {
    const auto give_up = std::chrono::steady_clock::now() + limit;
    while (!condition() && std::chrono::steady_clock::now() < give_up) {
      io.restart();
      io.run_one_for(10ms);
    }
    ASSERT_TRUE(condition()) << "not within " << limit.count() << " s";
  }
  /// Lets the loop finish everything, as a program's end does.
  void run_out() {
    io.restart();
    io.run_for(20s);
    EXPECT_TRUE(io.stopped()) << "the event loop still has work";
  }
};

inline constexpr const char* ask_port = "SELECT current_setting('port')::int";

/// GCC 12 can't have a list of values among what is awaited.
template <class... Values>
std::vector<int> numbers(Values... values) {
  return {values...};
}

/// What the call has failed with.
template <class Failure>
awaitable<std::string> failure_of(awaitable<Result> call) {
  try {
    co_await std::move(call);
  } catch (const Failure& error) {
    co_return error.what();
  }
  ADD_FAILURE() << "it has not failed";
  co_return "";
}

}  // namespace copg::test
