// The routes of the service: what a request gets from the database. Knows nothing of sockets.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <copg/async_pooled_database.hpp>

#include "server.hpp"

namespace example {

/// GET /users and GET /users/{id}, as JSON. Never throws: whatever fails is an answer, too. 503 with
/// Retry-After when the database can't serve now.
boost::asio::awaitable<Response> answer(copg::AsyncPooledDatabase& db, const Request& request);

}  // namespace example
