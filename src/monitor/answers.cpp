#include "monitor/answers.hpp"

#include <copg/prometheus.hpp>

#include <fmt/format.h>
#include <sys/random.h>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/beast/http/verb.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <utility>

#include "monitor/page.hpp"

namespace copg::monitor {

namespace http = boost::beast::http;

namespace {

constexpr std::string_view plain_text = "text/plain; charset=utf-8";
constexpr std::string_view json_type = "application/json";
constexpr std::string_view event_stream = "text/event-stream";

Response response_of(http::status status, std::string_view type, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, type);
  response.set(http::field::cache_control, "no-store");
  response.set("X-Content-Type-Options", "nosniff");
  response.set("X-Frame-Options", "DENY");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Cross-Origin-Resource-Policy", "same-origin");
  response.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  response.body() = std::move(body);
  return response;
}

/// Takes as long wherever they differ.
bool same_token(std::string_view given, std::string_view wanted) noexcept {
  std::size_t difference = given.size() ^ wanted.size();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const char one = i < given.size() ? given[i] : '\0';
    difference |= static_cast<unsigned char>(one ^ wanted[i]);
  }
  return difference == 0;
}

/// The value behind `name` in `text`, a list whose parts `end` stands between; empty: it is not there.
std::string_view value_of(std::string_view text, std::string_view name, char end) noexcept {
  while (!text.empty()) {
    const std::size_t size = text.find(end);
    std::string_view part = text.substr(0, size);
    while (part.starts_with(' ')) part.remove_prefix(1);
    if (part.starts_with(name)) return part.substr(name.size());
    if (size == std::string_view::npos) break;
    text.remove_prefix(size + 1);
  }
  return {};
}

/// 128 bits, in hexadecimal digits.
std::string fresh_nonce() {
  std::array<unsigned char, 16> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0) std::terminate();  // can't fail for so few
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

/// The page obeys a policy that lets nothing run or load but what it brings itself.
Response page() {
  const std::string nonce = fresh_nonce();
  std::string body;
  std::string_view rest = page_text;
  for (std::size_t at = 0; (at = rest.find(page_nonce)) != std::string_view::npos;) {
    body += rest.substr(0, at);
    body += nonce;
    rest.remove_prefix(at + page_nonce.size());
  }
  body += rest;
  Response response = response_of(http::status::ok, "text/html; charset=utf-8", std::move(body));
  response.set(
      "Content-Security-Policy",
      fmt::format("default-src 'none'; script-src 'nonce-{0}'; style-src 'nonce-{0}'; img-src data:; "
                  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                  nonce));
  return response;
}

}  // namespace

bool is_loopback(std::string_view address) {
  boost::system::error_code error;
  const auto parsed = boost::asio::ip::make_address(std::string(address), error);
  return !error && parsed.is_loopback();
}

Answers::Answers(const MonitorOptions& options, std::uint16_t port, Board& board)
    : token_(options.token),
      address_(options.address),
      cookie_(fmt::format("copg_monitor_{}=", port)),
      on_loopback_(is_loopback(options.address)),
      board_(board) {}

Response Answers::refusal(http::status status, std::string_view text) {
  return response_of(status, plain_text, fmt::format("{}\n", text));
}

bool Answers::is_stream(const Response& response) {
  return response[http::field::content_type] == event_stream;
}

/// A page of another site that has had its name resolved to 127.0.0.1 asks with that name.
bool Answers::may_be_host(std::string_view host) const {
  const std::size_t bracket = host.find(']');
  const std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  host = host.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host == "localhost" || host == address_ || is_loopback(host);
}

bool Answers::has_token(const Request& request, std::string_view query) const {
  constexpr std::string_view bearer = "Bearer ";
  const std::string_view authorization = request[http::field::authorization];
  if (authorization.starts_with(bearer)) return same_token(authorization.substr(bearer.size()), token_);
  const std::string_view in_query = value_of(query, "token=", '&');
  if (!in_query.empty()) return same_token(in_query, token_);
  return same_token(value_of(request[http::field::cookie], cookie_, ';'), token_);
}

/// Keeps the token out of the page's links, of the history, and of the address that somebody copies.
Response Answers::enter() const {
  Response response = response_of(http::status::see_other, plain_text, "see ./\n");
  response.set(http::field::location, "./");
  response.set(http::field::set_cookie,
               fmt::format("{}{}; Path=/; HttpOnly; SameSite=Strict", cookie_, token_));
  return response;
}

Response Answers::to(const Request& request, bool local) const {
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Response response = refusal(http::status::method_not_allowed, "only GET and HEAD");
    response.set(http::field::allow, "GET, HEAD");
    return response;
  }
  if (!local && on_loopback_ && !may_be_host(request[http::field::host]))
    return refusal(http::status::misdirected_request, "ask for 127.0.0.1 or localhost");
  const std::string_view target = request.target();
  const std::size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  const bool admitted = local || token_.empty() || has_token(request, query);
  if (!admitted && path != "/health") {
    Response response = refusal(http::status::unauthorized,
                                "a token is needed: Authorization: Bearer <token>, or /?token=<token>");
    response.set(http::field::www_authenticate, "Bearer");
    return response;
  }
  if (path == "/" && !local && !token_.empty() && !value_of(query, "token=", '&').empty()) return enter();
  try {
    return route(path, admitted);
  } catch (const std::exception& error) {
    return refusal(http::status::internal_server_error, error.what());
  }
}

Response Answers::route(std::string_view path, bool admitted) const {
  if (path == "/") return page();
  if (path == "/stats.json") return response_of(http::status::ok, json_type, board_.document(true));
  if (path == "/metrics") return response_of(http::status::ok, prometheus_content_type, board_.metrics());
  if (path == "/events") return response_of(http::status::ok, event_stream, {});
  if (path == "/health") {
    Health health = board_.health();
    if (health.ok) return refusal(http::status::ok, "ok");
    // Why it is not is for those who may know.
    std::string reason = admitted ? std::move(health.reason) : "not healthy\n";
    return response_of(http::status::service_unavailable, plain_text, std::move(reason));
  }
  return refusal(http::status::not_found, "there are /, /events, /stats.json, /metrics and /health");
}

}  // namespace copg::monitor
