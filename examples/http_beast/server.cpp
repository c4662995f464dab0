// See server.hpp.
#include "server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include <exception>
#include <optional>
#include <utility>

namespace example {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::awaitable;
using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::uint32_t header_limit = 8 * 1024;  // bytes
constexpr std::uint64_t body_limit = 16 * 1024;   // bytes
constexpr auto request_timeout = 30s;             // to come whole, the wait for its first byte included
constexpr auto response_timeout = 30s;            // to be taken by the client
constexpr auto linger_timeout = 1s;               // for a client to read why it was refused
constexpr auto accept_pause = 100ms;              // after an error, such as no descriptor left

// Errors are values here: a client that goes away is no exception.
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

/// What to tell a client whose request could not be read; nothing when it has gone, or let the time run out.
std::optional<http::status> verdict(const beast::error_code& error) {
  if (error == http::error::header_limit) return http::status::request_header_fields_too_large;
  if (error == http::error::body_limit) return http::status::payload_too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  const bool of_http = error.category() == http::make_error_code(http::error::bad_method).category();
  return of_http ? std::optional(http::status::bad_request) : std::nullopt;
}

}  // namespace

/// One client. Runs on the strand of its stream.
class Server::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(tcp::socket socket, const Handler& handler) : stream_(std::move(socket)), handler_(handler) {}

  [[nodiscard]] asio::any_io_executor get_executor() { return stream_.get_executor(); }

  awaitable<void> run() {
    bool more = true;
    while (more && !ending_) more = co_await serve_one();
    beast::error_code ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
  }

  /// At once if it waits for a request, else after the answer. From any thread, as is `cut_off`.
  void end() {
    asio::post(get_executor(), [self = shared_from_this()] {
      self->ending_ = true;
      if (self->reading_) self->stream_.cancel();
    });
  }
  void cut_off() {
    asio::post(get_executor(), [self = shared_from_this()] { self->stream_.close(); });
  }

 private:
  /// Reads a request and answers it. False: it was the last one.
  awaitable<bool> serve_one() {
    http::request_parser<http::string_body> parser;
    parser.header_limit(header_limit);
    parser.body_limit(body_limit);
    stream_.expires_after(request_timeout);
    reading_ = true;
    const auto [error, size] = co_await http::async_read(stream_, buffer_, parser, as_values);
    reading_ = false;
    if (error) {
      if (const auto status = verdict(error)) co_await refuse(*status);
      co_return false;
    }
    const Request& request = parser.get();
    Response response = co_await handler_(request);
    response.version(request.version());
    response.keep_alive(request.keep_alive() && !ending_);
    response.prepare_payload();
    if (request.method() == http::verb::head) response.body().clear();  // its length stays
    co_return co_await send(response);
  }

  awaitable<bool> send(Response& response) {
    stream_.expires_after(response_timeout);
    http::response_serializer<http::string_body> serializer(response);
    const auto [error, size] = co_await http::async_write(stream_, serializer, as_values);
    co_return !error && response.keep_alive();
  }

  /// Closing while the client is still sending would reset the connection, and the answer would be lost.
  awaitable<void> refuse(http::status status) {
    Response response(status, 11);
    response.keep_alive(false);
    response.prepare_payload();
    co_await send(response);
    beast::error_code error;
    stream_.socket().shutdown(tcp::socket::shutdown_send, error);
    stream_.expires_after(linger_timeout);
    while (!error) {
      buffer_.clear();
      const auto result = co_await stream_.async_read_some(buffer_.prepare(header_limit), as_values);
      error = std::get<0>(result);
    }
  }

  beast::tcp_stream stream_;
  const Handler& handler_;
  beast::flat_buffer buffer_;
  bool reading_ = false;
  bool ending_ = false;
};

Server::Server(asio::io_context& io, Handler handler)
    : io_(io),
      strand_(asio::make_strand(io)),
      handler_(std::move(handler)),
      acceptor_(strand_),
      no_session_(strand_) {}

Server::~Server() = default;

std::uint16_t Server::listen(std::uint16_t port) {
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  acceptor_.bind(endpoint);
  acceptor_.listen();
  return acceptor_.local_endpoint().port();
}

awaitable<void> Server::serve() {
  asio::steady_timer pause(strand_);
  for (;;) {
    auto [error, socket] =
        co_await acceptor_.async_accept(asio::any_io_executor(asio::make_strand(io_)), as_values);
    if (!acceptor_.is_open()) co_return;
    if (error) {
      pause.expires_after(accept_pause);
      co_await pause.async_wait(as_values);
      continue;
    }
    socket.set_option(tcp::no_delay(true), error);
    const auto place =
        sessions_.insert(sessions_.end(), std::make_shared<Session>(std::move(socket), handler_));
    const auto ended = [this, place](const std::exception_ptr&) {
      sessions_.erase(place);
      if (sessions_.empty()) no_session_.cancel();
    };
    asio::co_spawn((*place)->get_executor(), (*place)->run(), asio::bind_executor(strand_, ended));
  }
}

awaitable<void> Server::stop(std::chrono::milliseconds grace) {
  acceptor_.close();
  for (const auto& session : sessions_) session->end();
  no_session_.expires_after(grace);
  if (!sessions_.empty()) co_await no_session_.async_wait(as_values);
  for (const auto& session : sessions_) session->cut_off();
}

}  // namespace example
