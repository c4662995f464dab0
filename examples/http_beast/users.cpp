// See users.hpp.
#include "users.hpp"

#include <copg/error.hpp>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace example {
namespace {

namespace http = boost::beast::http;
using boost::asio::awaitable;

// The server makes the JSON: it knows the columns and their types, and what it sends needs no parsing here.
constexpr auto all_users = "SELECT coalesce(json_agg(u ORDER BY u.id), '[]') FROM users u";
constexpr auto one_user = "SELECT row_to_json(u) FROM users u WHERE u.id = $1";

constexpr auto retry_after_s = "1";

Response json(http::status status, std::string body) {
  Response response(status, 11);
  response.set(http::field::content_type, "application/json");
  response.body() = std::move(body);
  return response;
}

/// `message` needs no escaping.
Response refusal(http::status status, std::string_view message) {
  return json(status, R"({"error":")" + std::string(message) + "\"}");
}

std::optional<std::int64_t> parse_id(std::string_view text) {
  std::int64_t id = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc() || rest != end) return std::nullopt;
  return id;
}

awaitable<Response> list_users(copg::AsyncPooledDatabase& db) {
  std::string users = co_await db.fetch_val<std::string>(all_users);
  co_return json(http::status::ok, std::move(users));
}

awaitable<Response> get_user(copg::AsyncPooledDatabase& db, std::string_view id_text) {
  const std::optional<std::int64_t> id = parse_id(id_text);
  if (!id) co_return refusal(http::status::bad_request, "the id of a user is a whole number");
  std::optional<std::string> user = co_await db.fetch_one<std::string>(one_user, *id);
  if (!user) co_return refusal(http::status::not_found, "no such user");
  co_return json(http::status::ok, std::move(*user));
}

awaitable<Response> route(copg::AsyncPooledDatabase& db, const Request& request) {
  constexpr std::string_view users = "/users";
  constexpr std::string_view below_users = "/users/";
  const std::string_view target(request.target().data(), request.target().size());
  const std::string_view path = target.substr(0, target.find('?'));
  if (request.method() != http::verb::get && request.method() != http::verb::head) {
    Response response = refusal(http::status::method_not_allowed, "only GET and HEAD");
    response.set(http::field::allow, "GET, HEAD");
    co_return response;
  }
  if (path == users) co_return co_await list_users(db);
  if (path.starts_with(below_users)) {
    const std::string_view id = path.substr(below_users.size());
    if (!id.empty() && id.find('/') == std::string_view::npos) co_return co_await get_user(db, id);
  }
  co_return refusal(http::status::not_found, "no such page");
}

/// What the client is told of an error, and our log. The client learns nothing of the database.
Response refusal(const copg::Error& error) {
  std::fprintf(stderr, "http_beast: %s\n", error.what());
  switch (error.kind()) {
    case copg::ErrorKind::pool_timeout:
    case copg::ErrorKind::pool_deadlock:
    case copg::ErrorKind::query_timeout:
    case copg::ErrorKind::too_many_requests:
    case copg::ErrorKind::pool_closed:
    case copg::ErrorKind::connection_failed: {
      Response response = refusal(http::status::service_unavailable, "busy, try again");
      response.set(http::field::retry_after, retry_after_s);
      return response;
    }
    case copg::ErrorKind::configuration:
    case copg::ErrorKind::usage:
    case copg::ErrorKind::data:
    case copg::ErrorKind::query_failed:
    case copg::ErrorKind::commit_unknown: break;
  }
  return refusal(http::status::internal_server_error, "internal error");
}

}  // namespace

awaitable<Response> answer(copg::AsyncPooledDatabase& db, const Request& request) {
  try {
    co_return co_await route(db, request);
  } catch (const copg::Error& error) {
    co_return refusal(error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_beast: %s\n", error.what());
    co_return refusal(http::status::internal_server_error, "internal error");
  }
}

}  // namespace example
