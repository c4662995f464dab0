// See direct_connection.hpp.
#include "support/direct_connection.hpp"

#include <poll.h>

#include <stdexcept>

namespace copg::test {
namespace {

using ResultPtr = std::unique_ptr<PGresult, decltype(&PQclear)>;

constexpr int look_ms = 50;  // how often a wait looks whether it is over

}  // namespace

DirectConnection::DirectConnection(const std::string& url)
    : connection_(PQconnectdb(url.c_str()), &PQfinish) {
  if (PQstatus(connection_.get()) != CONNECTION_OK)
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  PQsetNoticeProcessor(
      connection_.get(), [](void* /*context*/, const char* /*notice*/) {}, nullptr);
}

void DirectConnection::wait_for_answer(const std::atomic<bool>* over) {
  while (PQisBusy(connection_.get()) != 0) {
    if (over != nullptr && *over) throw std::runtime_error("the wait for an answer is over");
    pollfd ready{.fd = PQsocket(connection_.get()), .events = POLLIN, .revents = 0};
    ::poll(&ready, 1, look_ms);
    if (PQconsumeInput(connection_.get()) == 0) throw std::runtime_error(PQerrorMessage(connection_.get()));
  }
}

DirectConnection::Rows DirectConnection::rows(const std::string& sql, const std::atomic<bool>* over) {
  if (PQsendQuery(connection_.get(), sql.c_str()) == 0)
    throw std::runtime_error(PQerrorMessage(connection_.get()));
  Rows rows;
  for (;;) {
    wait_for_answer(over);
    const ResultPtr result(PQgetResult(connection_.get()), &PQclear);
    if (!result) return rows;
    const ExecStatusType status = PQresultStatus(result.get());
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
      throw std::runtime_error(PQerrorMessage(connection_.get()));
    rows.clear();
    for (int row = 0; row < PQntuples(result.get()); ++row) {
      rows.emplace_back();
      for (int column = 0; column < PQnfields(result.get()); ++column)
        rows.back().emplace_back(PQgetvalue(result.get(), row, column));
    }
  }
}

std::string DirectConnection::value(const std::string& sql, const std::atomic<bool>* over) {
  const Rows found = rows(sql, over);
  return found.empty() || found[0].empty() ? "" : found[0][0];
}

}  // namespace copg::test
