#include "monitor/server.hpp"

#include <copg/error.hpp>

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <exception>
#include <new>
#include <string_view>
#include <system_error>
#include <utility>

#include "monitor/session.hpp"
#include "os/names.hpp"

namespace copg::monitor {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_clients = 64;
constexpr std::size_t most_local_clients = 16;
constexpr std::size_t token_least = 16;  // characters
constexpr int send_buffer = 64 * 1024;   // bytes that the system may keep for a client that reads slowly
constexpr auto publication_pause = 500ms;
constexpr auto accept_pause = 100ms;  // after an error, such as no descriptor left

bool is_token_character(char c) noexcept {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

void check(const MonitorOptions& options) {
  const std::string& token = options.token;
  if (!token.empty() && (token.size() < token_least || !std::ranges::all_of(token, is_token_character)))
    throw ConfigurationError(fmt::format(
        "the monitor's token must have at least {} characters, letters, digits, or any of - . _ ~",
        token_least));
  if (!(options.held_idle_after.count() >= 0) || !(options.unhealthy_wait.count() >= 0))
    throw ConfigurationError("held_idle_after and unhealthy_wait of a monitor must be at least 0");
  if (!options.port) {
    if (!options.unix_socket) throw ConfigurationError("a monitor needs a port or its Unix socket");
    return;
  }
  boost::system::error_code error;
  (void)asio::ip::make_address(options.address, error);
  if (error)
    throw ConfigurationError(
        fmt::format("address = '{}': it must be a numeric address of this machine", options.address));
  if (token.empty() && !is_loopback(options.address))
    throw ConfigurationError(
        fmt::format("address = '{}': whoever can reach it would see the pools; give the monitor a token, or "
                    "keep to 127.0.0.1",
                    options.address));
}

/// Signals are for the program's own threads.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace

Server::Server(const MonitorOptions& options) : options_(options), board_(options) {
  check(options_);
  if (options_.unix_socket) listen_on_socket();
  if (options_.port) listen_on_port();
  answers_.emplace(options_, port_, board_);
  reactor_->watched.expires_at(std::chrono::steady_clock::time_point::max());
  reactor_->publication.expires_at(std::chrono::steady_clock::time_point::max());
  const SignalsBlocked blocked;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    throw ConfigurationError(fmt::format("the monitor can't start its thread: {}", error.what()));
  }
}

void Server::listen_on_port() {
  const tcp::endpoint endpoint(asio::ip::make_address(options_.address), *options_.port);
  boost::system::error_code error;
  reactor_->port_acceptor.open(endpoint.protocol(), error);
  if (!error) reactor_->port_acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) reactor_->port_acceptor.bind(endpoint, error);
  if (!error) reactor_->port_acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error)
    throw ConfigurationError(fmt::format("the monitor can't listen on port {} of {}: {}", endpoint.port(),
                                         options_.address, error.message()));
  descriptors_.add(reactor_->port_acceptor.native_handle());
  port_ = reactor_->port_acceptor.local_endpoint().port();
  const bool v6 = endpoint.address().is_v6();
  url_ = fmt::format("http://{}{}{}:{}/", v6 ? "[" : "", options_.address, v6 ? "]" : "", port_);
}

void Server::listen_on_socket() {
  try {
    socket_file_.emplace();
    reactor_->socket_acceptor.assign(asio::local::stream_protocol(), socket_file_->release());
    descriptors_.add(reactor_->socket_acceptor.native_handle());
    socket_path_ = socket_file_->path();
  } catch (const std::system_error& error) {
    if (!options_.port)
      throw ConfigurationError(fmt::format("the monitor can't listen on a Unix socket: {}", error.what()));
  } catch (const ConfigurationError&) {
    if (!options_.port) throw;
  }
}

void Server::run() noexcept {
  os::set_thread_name("copg-monitor");
  // What a task throws has no other place to go to, and the rest goes on.
  asio::co_spawn(reactor_->io, look(), asio::detached);
  asio::co_spawn(reactor_->io, publish(), asio::detached);
  if (reactor_->port_acceptor.is_open())
    asio::co_spawn(reactor_->io, accept(&reactor_->port_acceptor, false), asio::detached);
  if (reactor_->socket_acceptor.is_open())
    asio::co_spawn(reactor_->io, accept(&reactor_->socket_acceptor, true), asio::detached);
  for (;;) {
    try {
      reactor_->io.run();
      return;
    } catch (...) {  // out of memory: whoever asked is dropped
    }
  }
}

void Server::stop() noexcept {
  const std::lock_guard lock(stopping_);
  if (!thread_.joinable()) return;
  reactor_->io.stop();
  thread_.join();
  reactor_.reset();
  socket_file_.reset();
  board_.close();
}

template <class Acceptor>
Server::Task<void> Server::accept(Acceptor* acceptor, bool local) {
  asio::steady_timer pause(reactor_->io);
  while (acceptor->is_open()) {
    auto [error, accepted] = co_await acceptor->async_accept(as_values);
    if (error) {
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_values);
      continue;
    }
    serve(Socket(std::move(accepted)), local);
  }
}

/// One more than may be is closed at once.
void Server::serve(Socket socket, bool local) {
  if (local ? local_clients_ >= most_local_clients : clients_ >= most_clients) return;
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::send_buffer_size(send_buffer), ignored);
  try {
    auto session = std::make_shared<Session>(*this, std::move(socket), local);
    auto task = session->run();
    asio::co_spawn(reactor_->io, std::move(task), [session](const std::exception_ptr&) {});
  } catch (const std::bad_alloc&) {  // the client is dropped
  }
}

Server::Task<void> Server::look() {
  asio::steady_timer timer(reactor_->io);
  for (;;) {
    timer.expires_after(WatchedPool::step);
    co_await timer.async_wait(as_values);
    try {
      board_.look();
    } catch (const std::exception&) {  // out of memory, or of threads: one sample is missing
    }
  }
}

Server::Task<void> Server::publish() {
  asio::steady_timer timer(reactor_->io);
  for (;;) {
    while (viewers_ == 0) co_await reactor_->watched.async_wait(as_values);
    timer.expires_after(publication_pause);
    co_await timer.async_wait(as_values);
    try {
      published_ = std::make_shared<const std::string>("data: " + board_.document(false) + "\n\n");
      ++publications_;
      reactor_->publication.cancel();
    } catch (const std::exception&) {  // as above
    }
  }
}

}  // namespace copg::monitor
