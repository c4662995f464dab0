// A client of HTTP that blocks, on one connection: what a test needs to see what a service really sends.
// Whatever takes longer than the patience of a test is an exception.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace copg::test {

using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port);
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient();

  /// As it is. A service that has hung up is no error here: the answer tells.
  void send(std::string_view bytes) const;
  /// Nothing: the service has closed the connection instead.
  std::optional<HttpResponse> receive(bool to_head = false);
  /// Throws when the service closes the connection.
  HttpResponse get(std::string_view target);

 private:
  int socket_ = -1;
  std::string rest_;  // received behind the last response
};

/// On a connection of its own.
inline HttpResponse get(std::uint16_t port, std::string_view target) { return HttpClient(port).get(target); }

}  // namespace copg::test
