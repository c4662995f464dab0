// The routes of the service: what a request gets from the database. Knows nothing of sockets.
#pragma once

#include <copg/pooled_database.hpp>

#include <httplib.h>

namespace example {

/// GET /users and GET /users/{id}, as JSON; every error as JSON, too. 503 with Retry-After when the database
/// can't serve now. `db` must outlive the server.
void add_routes(httplib::Server& server, copg::PooledDatabase& db);

}  // namespace example
