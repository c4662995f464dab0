// A server for the whole program, connections to it, and statements on them for setting the scene.
#pragma once

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <string_view>

#include "pq/connection.hpp"
#include "pq/errors.hpp"
#include "sql/text_traits.hpp"
#include "support/poll_driver.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

inline testing::ThrowawayPostgres& server() {
  static testing::ThrowawayPostgres postgres;
  return postgres;
}

inline std::unique_ptr<pq::Connection> connect(const std::string& url) {
  PGconn* conn = PQconnectdb(url.c_str());
  if (PQstatus(conn) != CONNECTION_OK) {
    const std::string why = PQerrorMessage(conn);
    PQfinish(conn);
    throw std::runtime_error(why);
  }
  PQsetnonblocking(conn, 1);
  return std::make_unique<pq::Connection>(conn, true);
}
inline std::unique_ptr<pq::Connection> connect() { return connect(server().url()); }

/// Runs `sql` as a user's statement and gives the first field of the first row, or the SQLSTATE of an error.
inline std::string say(pq::Connection& connection, const std::string& sql) {
  const sql::TextTraits traits = sql::text_traits(sql);
  std::string answer;
  if (PQsendQuery(connection.raw(), sql.c_str()) != 1) return PQerrorMessage(connection.raw());
  while (PGresult* raw = PQgetResult(connection.raw())) {
    const pq::ResultPtr result(raw);
    connection.note_statement(pq::command_tag(raw), traits);
    if (const char* state = PQresultErrorField(raw, PG_DIAG_SQLSTATE)) answer = state;
    if (PQntuples(raw) > 0 && PQnfields(raw) > 0) answer = PQgetvalue(raw, 0, 0);
  }
  return answer;
}

/// Sends `sql` and walks away, as an operation does whose driver has given up.
inline void say_and_leave(pq::Connection& connection, const std::string& sql) {
  connection.operation_began();
  if (PQsendQuery(connection.raw(), sql.c_str()) != 1)
    throw std::runtime_error(PQerrorMessage(connection.raw()));
  while (PQflush(connection.raw()) == 1) {
  }
}

/// Asks on another connection until `sql` gives `expected`. False when it never did.
inline bool comes_true(pq::Connection& observer, const std::string& sql, const std::string& expected) {
  const auto deadline = SteadyClock::now() + default_patience;
  do {
    if (say(observer, sql) == expected) return true;
    static_cast<void>(say(observer, "SELECT pg_sleep(0.005)"));
  } while (SteadyClock::now() < deadline);
  return false;
}

/// The server is executing something for `connection`.
inline bool is_running(pq::Connection& observer, const pq::Connection& connection) {
  return comes_true(
      observer, "SELECT state FROM pg_stat_activity WHERE pid = " + std::to_string(connection.backend_pid()),
      "active");
}

}  // namespace copg::test
