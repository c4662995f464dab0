// A server for the whole program, connections to it through ConnectOperation, and statements through
// ExecuteOperation.
#pragma once

#include <copg/params.hpp>
#include <copg/result.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pq/connect_operation.hpp"
#include "pq/execute_operation.hpp"
#include "support/poll_driver.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

using Keywords = std::vector<std::pair<std::string, std::string>>;

inline testing::ThrowawayPostgres& server() {
  static testing::ThrowawayPostgres postgres;
  return postgres;
}

inline Keywords keywords_of(const testing::ThrowawayPostgres& postgres) {
  return {{"host", postgres.socket_folder().string()},
          {"port", std::to_string(postgres.port())},
          {"user", testing::ThrowawayPostgres::user()},
          {"dbname", "postgres"}};
}

inline std::unique_ptr<pq::Connection> connect(pq::ConnectSettings settings) {
  pq::ConnectOperation operation(std::move(settings));
  run(operation);
  if (operation.error() != nullptr) throw std::runtime_error(operation.error()->message);
  return operation.take_connection();
}
inline std::unique_ptr<pq::Connection> connect() { return connect({.keywords = keywords_of(server())}); }

/// What one statement gave: its result or its error.
struct Outcome {
  Result result;
  std::optional<ErrorInfo> error;

  /// The first field of the first row, or the SQLSTATE of the error, or the error's message.
  [[nodiscard]] std::string text() const {
    if (error) return error->sqlstate.empty() ? error->message : error->sqlstate.text();
    return result.empty() || result.columns() == 0 ? "" : std::string(result[0][0].text());
  }
};

inline Outcome execute(pq::Connection& connection, std::string_view sql, const Params& params = {},
                       pq::BeginFirst begin = pq::BeginFirst::no) {
  pq::ExecuteOperation operation(connection, sql, params, begin);
  run(operation);
  Outcome outcome;
  if (operation.error() != nullptr) {
    outcome.error = *operation.take_error();
  } else {
    outcome.result = operation.take_result();
  }
  return outcome;
}

/// Asks until `sql` gives `expected`. False when it never did.
inline bool comes_true(pq::Connection& connection, std::string_view sql, std::string_view expected) {
  const auto deadline = SteadyClock::now() + default_patience;
  do {
    if (execute(connection, sql).text() == expected) return true;
  } while (SteadyClock::now() < deadline);
  return false;
}

}  // namespace copg::test
