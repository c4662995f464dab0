#include "pq/server_room.hpp"

#include <fmt/format.h>

namespace copg::pq {

// The limits of a role and a database do not hold for superusers, for whom places are reserved, too. Numbers
// are -1 where there is no limit. reserved_connections came with PostgreSQL 16.
const std::string_view room_text =
    "SELECT pg_catalog.pg_backend_pid(), "
    "pg_catalog.current_setting('max_connections')::pg_catalog.int8, "
    "CASE WHEN rolsuper THEN 0 ELSE "
    "pg_catalog.current_setting('superuser_reserved_connections')::pg_catalog.int8 + "
    "COALESCE(pg_catalog.current_setting('reserved_connections', true), '0')::pg_catalog.int8 END, "
    "CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END, "
    "CASE WHEN rolsuper THEN -1 ELSE (SELECT datconnlimit FROM pg_catalog.pg_database "
    "WHERE datname = pg_catalog.current_database()) END, "
    "(SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity "
    "WHERE backend_type = 'client backend' AND pid <> pg_catalog.pg_backend_pid()) "
    "FROM pg_catalog.pg_roles WHERE rolname = session_user";

namespace {

enum Column : std::uint8_t { pid, server_limit, reserved, role_limit, database_limit, others, columns };

bool is_whole(const Result& result) { return !result.empty() && result.columns() >= columns; }

}  // namespace

bool shows_pooler(const Result& result, int backend_pid) {
  return is_whole(result) && !result[0][pid].is_null() && result[0][pid].as<std::int64_t>() != backend_pid;
}

std::optional<ServerRoom> room_in(const Result& result, int backend_pid) {
  if (!is_whole(result) || shows_pooler(result, backend_pid)) return std::nullopt;
  const Row row = result[0];
  for (std::size_t column = 0; column < columns; ++column) {
    if (row[column].is_null()) return std::nullopt;
  }
  const auto number = [&](Column column) { return row[column].as<std::int64_t>(); };
  ServerRoom room{.allowed = number(server_limit) - number(reserved), .others = number(others), .limit = {}};
  room.limit = fmt::format("max_connections = {}", number(server_limit));
  if (number(reserved) > 0) room.limit += fmt::format(", {} of them reserved", number(reserved));
  // These count the connections of one role, or to one database. How many of the others' those are is not
  // asked for.
  const auto narrow = [&](std::int64_t limit, const char* whose) {
    if (limit < 0 || limit >= room.allowed - room.others) return;
    room = {
        .allowed = limit, .others = 0, .limit = fmt::format("CONNECTION LIMIT {} of the {}", limit, whose)};
  };
  narrow(number(role_limit), "role");
  narrow(number(database_limit), "database");
  return room;
}

}  // namespace copg::pq
