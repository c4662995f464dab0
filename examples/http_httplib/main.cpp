// An HTTP service on cpp-httplib and threads: the pool is made at the start, every request uses it, and it is
// closed at the end. GET /users and GET /users/{id}.
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <copg/copg.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>

#include "users.hpp"

namespace {

using namespace std::chrono_literals;

constexpr std::size_t body_limit = 16 * 1024;           // bytes
constexpr std::size_t requests_per_client = 1'000'000;  // on one connection
// cpp-httplib ends a connection that waits for its next request only after this, also when it stops.
constexpr std::chrono::seconds keep_alive_timeout = 2s;
constexpr std::chrono::seconds read_timeout = 2s;  // without a byte
constexpr std::chrono::seconds write_timeout = 5s;
// Together less than the 5 seconds or more that service managers give before they kill.
constexpr auto grace_for_requests = 2500ms;
constexpr auto grace_for_leases = 1s;
constexpr auto grace_for_the_rest = 500ms;
constexpr int waiting_per_connection = 10;  // more requests than that are turned away at once

struct Options {
  std::uint16_t port = 8080;
  int threads = 64;
  int pool_size = 20;
  double timeout = 5;  // seconds
};

/// On the loopback interface. Port 0: a free one. Returns the port.
int bind(httplib::Server& server, int wanted_port) {
  const char* const host = "127.0.0.1";
  // Left to itself cpp-httplib shares the port with whoever has it (SO_REUSEPORT).
  socket_t listener = INVALID_SOCKET;
  server.set_socket_options([&listener](socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    listener = socket;
  });
  int port = wanted_port;
  if (wanted_port == 0) {
    port = server.bind_to_any_port(host);
  } else if (!server.bind_to_port(host, wanted_port)) {
    port = -1;
  }
  if (port < 0) throw std::runtime_error("can't listen on port " + std::to_string(wanted_port));
  // It lets 5 clients wait to be accepted; more that come at once would wait for a second and longer.
  ::listen(listener, SOMAXCONN);
  return port;
}

void set_limits(httplib::Server& server, int threads) {
  // A thread serves one client for as long as that one stays; further clients wait until a thread is free.
  server.new_task_queue = [threads] { return new httplib::ThreadPool(static_cast<std::size_t>(threads)); };
  server.set_keep_alive_max_count(requests_per_client);
  server.set_keep_alive_timeout(keep_alive_timeout.count());
  server.set_read_timeout(read_timeout);
  server.set_write_timeout(write_timeout);
  server.set_payload_max_length(body_limit);
  server.set_tcp_nodelay(true);
}

void run(const Options& options) {
  auto db = copg::PooledDatabase::from_env({.min_size = std::min(5, options.pool_size),
                                            .max_size = options.pool_size,
                                            .timeout = copg::Seconds(options.timeout),
                                            .max_waiting = waiting_per_connection * options.pool_size});
  db.wait(copg::Seconds(options.timeout));
  httplib::Server server;
  set_limits(server, options.threads);
  example::add_routes(server, db);
  const int port = bind(server, options.port);

  // Every thread inherits the mask, so that nobody but sigwait below gets these signals.
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  auto listening = std::async(std::launch::async, [&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();  // before that, `stop` does nothing
  std::printf("listening on http://127.0.0.1:%d\n", port);
  std::fflush(stdout);

  int signal = 0;
  ::sigwait(&signals, &signal);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // a second one ends the process
  server.stop();
  listening.wait_for(grace_for_requests);
  db.close(grace_for_leases);
  if (listening.wait_for(grace_for_the_rest) == std::future_status::timeout) {
    std::_Exit(EXIT_SUCCESS);  // somebody dawdles, and cpp-httplib has no means to cut him off
  }
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("GET /users and GET /users/{id}, from the database in DATABASE_URL.");
  app.add_option("--port", options.port, "To listen on, at 127.0.0.1; 0: a free one")->capture_default_str();
  app.add_option("--threads", options.threads, "Clients served at the same time")
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
    return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
  }
  try {
    run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_httplib: %s\n", error.what());
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
