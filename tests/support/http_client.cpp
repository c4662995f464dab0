// See http_client.hpp.
#include "support/http_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "support/eventually.hpp"

namespace copg::test {
namespace {

namespace http = boost::beast::http;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

}  // namespace

HttpClient::HttpClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval timeout{.tv_sec = patience.count(), .tv_usec = 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(socket_);
    fail("connect");
  }
}

HttpClient::~HttpClient() { ::close(socket_); }

void HttpClient::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::optional<HttpResponse> HttpClient::receive(bool to_head) {
  http::response_parser<http::string_body> parser;
  parser.eager(true);
  parser.skip(to_head);
  std::array<char, 4096> bytes{};
  for (;;) {
    if (!rest_.empty()) {
      boost::beast::error_code error;
      rest_.erase(0, parser.put(boost::asio::buffer(rest_), error));
      if (error && error != http::error::need_more) throw std::runtime_error("no HTTP: " + error.message());
      if (parser.is_done()) return parser.release();
    }
    const ssize_t received = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (received == 0 && parser.got_some() && parser.need_eof()) {
      boost::beast::error_code error;
      parser.put_eof(error);
      if (!error) return parser.release();
    }
    if (received == 0 || (received < 0 && errno == ECONNRESET)) return std::nullopt;
    if (received < 0) fail("no answer in time");
    rest_.append(bytes.data(), static_cast<std::size_t>(received));
  }
}

HttpResponse HttpClient::get(std::string_view target) {
  send("GET " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n\r\n");
  std::optional<HttpResponse> response = receive();
  if (!response) throw std::runtime_error("the service closed the connection");
  return std::move(*response);
}

}  // namespace copg::test
