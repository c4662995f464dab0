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

using httplib::Request;
using httplib::Response;

// The server makes the JSON: it knows the columns and their types, and what it sends needs no parsing here.
constexpr auto all_users = "SELECT coalesce(json_agg(u ORDER BY u.id), '[]') FROM users u";
constexpr auto one_user = "SELECT row_to_json(u) FROM users u WHERE u.id = $1";

constexpr auto retry_after_s = "1";

enum Status : int {
  ok = 200,
  bad_request = 400,
  not_found = 404,
  method_not_allowed = 405,
  internal_server_error = 500,
  service_unavailable = 503,
};

void set_json(Response& response, Status status, std::string body) {
  response.status = status;
  response.set_content(std::move(body), "application/json");
}

/// `message` needs no escaping.
void refuse(Response& response, Status status, std::string_view message) {
  set_json(response, status, R"({"error":")" + std::string(message) + "\"}");
}

std::optional<std::int64_t> parse_id(std::string_view text) {
  std::int64_t id = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, id);
  if (error != std::errc() || rest != end) return std::nullopt;
  return id;
}

void list_users(copg::PooledDatabase& db, Response& response) {
  set_json(response, ok, db.fetch_val<std::string>(all_users));
}

void get_user(copg::PooledDatabase& db, const std::string& id_text, Response& response) {
  const std::optional<std::int64_t> id = parse_id(id_text);
  if (!id) return refuse(response, bad_request, "the id of a user is a whole number");
  std::optional<std::string> user = db.fetch_one<std::string>(one_user, *id);
  if (!user) return refuse(response, not_found, "no such user");
  set_json(response, ok, std::move(*user));
}

/// What the client is told of an error, and our log. The client learns nothing of the database.
void refuse(Response& response, const copg::Error& error) {
  std::fprintf(stderr, "http_httplib: %s\n", error.what());
  switch (error.kind()) {
    case copg::ErrorKind::pool_timeout:
    case copg::ErrorKind::pool_deadlock:
    case copg::ErrorKind::query_timeout:
    case copg::ErrorKind::too_many_requests:
    case copg::ErrorKind::pool_closed:
    case copg::ErrorKind::connection_failed:
      response.set_header("Retry-After", retry_after_s);
      return refuse(response, service_unavailable, "busy, try again");
    case copg::ErrorKind::configuration:
    case copg::ErrorKind::usage:
    case copg::ErrorKind::data:
    case copg::ErrorKind::query_failed:
    case copg::ErrorKind::commit_unknown: break;
  }
  refuse(response, internal_server_error, "internal error");
}

void answer_exception(const Request&, Response& response, const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const copg::Error& error) {
    refuse(response, error);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "http_httplib: %s\n", error.what());
    refuse(response, internal_server_error, "internal error");
  }
}

/// Errors that cpp-httplib found itself, which have no body yet.
void answer_error(const Request& request, Response& response) {
  if (!response.body.empty()) return;
  if (response.status != not_found) return;
  if (request.method == "GET" || request.method == "HEAD") return refuse(response, not_found, "no such page");
  response.set_header("Allow", "GET, HEAD");
  refuse(response, method_not_allowed, "only GET and HEAD");
}

}  // namespace

void add_routes(httplib::Server& server, copg::PooledDatabase& db) {
  server.Get("/users", [&db](const Request&, Response& response) { list_users(db, response); });
  server.Get("/users/([^/]+)", [&db](const Request& request, Response& response) {
    get_user(db, request.matches[1].str(), response);
  });
  server.set_exception_handler(answer_exception);
  server.set_error_handler(httplib::Server::Handler(answer_error));
}

}  // namespace example
