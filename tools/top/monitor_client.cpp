// See monitor_client.hpp.
#include "monitor_client.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <stdexcept>

namespace copg::tools {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using LocalStream = beast::basic_stream<asio::local::stream_protocol>;

constexpr std::uint64_t longest_answer = 16ULL << 20U;
constexpr unsigned http_1_1 = 11;

/// Sends the question over a stream that is connected and has its deadline.
template <class Stream>
asio::awaitable<std::string> exchange(Stream& stream, const MonitorAddress& address) {
  http::request<http::empty_body> request{http::verb::get, "/stats.json", http_1_1};
  request.set(http::field::host, address.socket.empty() ? address.host + ":" + address.port : "localhost");
  request.set(http::field::user_agent, "copg top");
  if (!address.token.empty()) request.set(http::field::authorization, "Bearer " + address.token);
  request.keep_alive(false);
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(longest_answer);
  co_await http::async_read(stream, buffer, parser, asio::use_awaitable);
  const http::status status = parser.get().result();
  if (status == http::status::unauthorized || status == http::status::forbidden)
    throw std::runtime_error("the monitor wants another token: http://HOST:PORT/?token=...");
  if (status != http::status::ok)
    throw std::runtime_error(fmt::format("it answered {} to /stats.json", parser.get().result_int()));
  co_return std::move(parser.get().body());
}

asio::awaitable<std::string> ask_socket(const MonitorAddress& address, std::chrono::milliseconds timeout) {
  LocalStream stream(co_await asio::this_coro::executor);
  stream.expires_after(timeout);
  const asio::local::stream_protocol::endpoint endpoint(address.socket);
  co_await stream.async_connect(endpoint, asio::use_awaitable);
  co_return co_await exchange(stream, address);
}

asio::awaitable<std::string> ask_host(const MonitorAddress& address, std::chrono::milliseconds timeout) {
  const auto executor = co_await asio::this_coro::executor;
  asio::ip::tcp::resolver resolver(executor);
  const auto endpoints = co_await resolver.async_resolve(address.host, address.port, asio::use_awaitable);
  beast::tcp_stream stream(executor);
  stream.expires_after(timeout);
  co_await stream.async_connect(endpoints, asio::use_awaitable);
  co_return co_await exchange(stream, address);
}

std::string explanation(const boost::system::system_error& error) {
  if (error.code() == beast::error::timeout) return "it did not answer in time";
  if (error.code() == http::error::end_of_stream) return "it hung up without an answer";
  if (error.code() == http::error::body_limit) return "its answer is too long";
  if (error.code().category() == http::make_error_code(http::error::bad_version).category())
    return "it does not speak HTTP";
  return fmt::format("it can't be reached: {}", error.code().message());
}

}  // namespace

asio::awaitable<std::string> ask_monitor(MonitorAddress address, std::chrono::milliseconds timeout) {
  try {
    if (address.socket.empty()) co_return co_await ask_host(address, timeout);
    co_return co_await ask_socket(address, timeout);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::connection_refused ||
        error.code() == boost::system::errc::no_such_file_or_directory)
      throw NobodyListens("nobody listens there");
    throw std::runtime_error(explanation(error));
  }
}

}  // namespace copg::tools
