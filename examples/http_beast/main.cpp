// An HTTP service on Boost.Beast and coroutines: the pool is made at the start, every request uses it, and it
// is closed at the end. GET /users and GET /users/{id}.
#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <copg/async.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <thread>
#include <vector>

#include "server.hpp"
#include "users.hpp"

namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Together less than the 5 seconds or more that service managers give before they kill.
constexpr auto grace_for_requests = 2500ms;
constexpr auto grace_for_leases = 1s;
constexpr int waiting_per_connection = 10;  // more requests than that are turned away at once

struct Options {
  std::uint16_t port = 8080;
  int threads = 1;
  int pool_size = 20;
  double timeout = 5;  // seconds
};

/// The life of the service.
asio::awaitable<void> live(copg::AsyncPooledDatabase& db, example::Server& server,
                           std::uint16_t wanted_port) {
  co_await db.open();
  const std::uint16_t port = server.listen(wanted_port);
  asio::signal_set signals(server.get_executor(), SIGINT, SIGTERM);
  asio::co_spawn(server.get_executor(), server.serve(), asio::detached);
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);

  co_await signals.async_wait(asio::use_awaitable);
  signals.clear();  // a second one ends the process
  co_await server.stop(grace_for_requests);
  co_await db.close(grace_for_leases);
}

void run(const Options& options) {
  asio::io_context io(options.threads);
  auto db =
      copg::AsyncPooledDatabase::from_env(io, {.min_size = std::min(5, options.pool_size),
                                               .max_size = options.pool_size,
                                               .timeout = copg::Seconds(options.timeout),
                                               .max_waiting = waiting_per_connection * options.pool_size});
  example::Server server(io, [&db](const example::Request& request) { return example::answer(db, request); });
  std::exception_ptr failure;
  asio::co_spawn(server.get_executor(), live(db, server, options.port), [&](std::exception_ptr error) {
    failure = std::move(error);
    if (failure) io.stop();
  });
  {
    std::vector<std::jthread> others;
    for (int i = 1; i < options.threads; ++i) others.emplace_back([&io] { io.run(); });
    io.run();  // until nothing is left to do
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("GET /users and GET /users/{id}, from the database in DATABASE_URL.");
  app.add_option("--port", options.port, "To listen on, at 127.0.0.1; 0: a free one")->capture_default_str();
  app.add_option("--threads", options.threads, "That run the event loop")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--pool-size", options.pool_size, "Connections to the database at most")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--timeout", options.timeout, "Seconds until a request is answered with 503")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.footer(
      "Ends on SIGINT and SIGTERM.\n"
      "Exit codes: 0 ended by a signal; 1 no database, or the port is taken; 2 wrong usage.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_beast: %s\n", error.what());
    return 1;
  }
  return 0;
}
