// What a request is answered with: who may ask, what there is, and the headers that keep a page safe. Does no
// I/O.
#pragma once

#include <copg/monitor.hpp>

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "monitor/board.hpp"

namespace copg::monitor {

using Request = boost::beast::http::request<boost::beast::http::empty_body>;
using Response = boost::beast::http::response<boost::beast::http::string_body>;

class Answers {
 public:
  /// `port`: 0 if it listens on none.
  Answers(const MonitorOptions& options, std::uint16_t port, Board& board);

  /// Never throws but std::bad_alloc. `local`: it has come over the Unix socket, whose mode says who may ask.
  [[nodiscard]] Response to(const Request& request, bool local) const;
  /// Whether that response begins a stream of events, which has no end.
  [[nodiscard]] static bool is_stream(const Response& response);
  /// In few words, as text.
  [[nodiscard]] static Response refusal(boost::beast::http::status status, std::string_view text);

 private:
  [[nodiscard]] bool may_be_host(std::string_view host) const;
  [[nodiscard]] bool has_token(const Request& request, std::string_view query) const;
  [[nodiscard]] Response route(std::string_view path, bool admitted) const;
  [[nodiscard]] Response enter() const;

  const std::string token_;
  const std::string address_;
  const std::string cookie_;  // with the port, since the ports of a host share their cookies
  const bool on_loopback_;
  Board& board_;
};

/// Numeric, and of this machine alone.
[[nodiscard]] bool is_loopback(std::string_view address);

}  // namespace copg::monitor
