// A server for the whole program, a connection to it, and statements as Results.
#pragma once

#include <copg/params.hpp>
#include <copg/result.hpp>

#include <gtest/gtest.h>
#include <libpq-fe.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "pq/result_access.hpp"
#include "support/refusal.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

inline testing::ThrowawayPostgres& server() {
  static testing::ThrowawayPostgres postgres;
  return postgres;
}

inline PGconn* connection() {
  static const std::unique_ptr<PGconn, decltype(&PQfinish)> conn(PQconnectdb(server().url().c_str()),
                                                                 &PQfinish);
  if (PQstatus(conn.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(conn.get()));
  return conn.get();
}

inline Result run(const std::string& sql, const Params& params = {}) {
  PGresult* const raw = PQexecParams(connection(), sql.c_str(), params.size(), params.types(),
                                     params.values(), params.lengths(), params.formats(), 0);
  Result result = pq::ResultAccess::make(pq::ResultPtr(raw));
  const ExecStatusType status = PQresultStatus(raw);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(PQresultErrorMessage(raw));
  return result;
}

/// What the server takes `value` for, as it says itself, cast to `type`.
template <class T>
T there_and_back(const T& value, const std::string& type) {
  return run("SELECT $1::" + type, params(value)).template to_value<T>();
}

}  // namespace copg::test
