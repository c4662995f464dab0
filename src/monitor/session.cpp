#include "monitor/session.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace copg::monitor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using namespace std::chrono_literals;

namespace {

constexpr std::uint32_t header_limit = 8 * 1024;  // bytes
constexpr auto request_timeout = 15s;             // to come whole, the wait for its first byte included
constexpr auto response_timeout = 10s;            // to be taken by the client
constexpr auto event_timeout = 5s;                // to be taken by the client: a browser comes back by itself
constexpr auto linger_timeout = 1s;

/// What to tell a client whose request could not be read; nothing when it has gone, or let the time run out.
std::optional<http::status> verdict(const beast::error_code& error) {
  if (error == http::error::header_limit) return http::status::request_header_fields_too_large;
  if (error == http::error::unexpected_body || error == http::error::body_limit)
    return http::status::payload_too_large;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  const bool of_http = error.category() == http::make_error_code(http::error::bad_method).category();
  return of_http ? std::optional(http::status::bad_request) : std::nullopt;
}

}  // namespace

Server::Session::Session(Server& server, Socket socket, bool local)
    : server_(server), stream_(std::move(socket)), fd_(stream_.socket().native_handle()), local_(local) {
  ++(local_ ? server_.local_clients_ : server_.clients_);
  server_.descriptors_.add(fd_);
}

Server::Session::~Session() {
  if (views_) --server_.viewers_;
  --(local_ ? server_.local_clients_ : server_.clients_);
  server_.descriptors_.remove(fd_);
}

asio::awaitable<void> Server::Session::run() {
  bool more = true;
  while (more) more = co_await serve_one();
}

Server::Task<bool> Server::Session::serve_one() {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(header_limit);
  stream_.expires_after(request_timeout);
  const auto [error, size] = co_await http::async_read(stream_, buffer_, parser, as_values);
  if (error) {
    const auto status = verdict(error);
    if (!status) co_return false;
    Response response = Answers::refusal(*status, http::obsolete_reason(*status));
    response.keep_alive(false);
    co_await send(std::move(response), false);
    co_await linger();
    co_return false;
  }
  const Request& request = parser.get();
  const bool head = request.method() == http::verb::head;
  Response response = server_.answers_->to(request, local_);
  response.version(request.version());
  if (Answers::is_stream(response)) {
    co_await stream(std::move(response), head);
    co_return false;
  }
  response.keep_alive(request.keep_alive());
  co_return co_await send(std::move(response), head);
}

Server::Task<bool> Server::Session::send(Response response, bool head) {
  response.prepare_payload();
  if (head) response.body().clear();  // its length stays
  stream_.expires_after(response_timeout);
  http::response_serializer<http::string_body> serializer(response);
  const auto [error, size] = co_await http::async_write(stream_, serializer, as_values);
  co_return !error && response.keep_alive();
}

Server::Task<void> Server::Session::linger() {
  beast::error_code error;
  stream_.socket().shutdown(Socket::shutdown_send, error);
  stream_.expires_after(linger_timeout);
  while (!error) {
    buffer_.clear();
    const auto result = co_await stream_.async_read_some(buffer_.prepare(header_limit), as_values);
    error = std::get<0>(result);
  }
}

/// The first event has the whole history. Of those that follow a slow reader gets the latest alone, so that
/// nothing gathers for it; one that takes too long for one event is dropped.
Server::Task<void> Server::Session::stream(Response response, bool head) {
  response.keep_alive(false);
  http::response_serializer<http::string_body> serializer(response);
  stream_.expires_after(response_timeout);
  const auto [refused, size] = co_await http::async_write_header(stream_, serializer, as_values);
  if (refused || head) co_return;
  views_ = true;
  if (++server_.viewers_ == 1) server_.reactor_->watched.cancel();
  auto event = std::make_shared<const std::string>("data: " + server_.board_.document(true) + "\n\n");
  for (;;) {
    const std::uint64_t sent = server_.publications_;
    stream_.expires_after(event_timeout);
    const auto [error, written] = co_await asio::async_write(stream_, asio::buffer(*event), as_values);
    if (error) co_return;
    event.reset();
    while (server_.publications_ == sent) co_await server_.reactor_->publication.async_wait(as_values);
    event = server_.published_;
  }
}

}  // namespace copg::monitor
