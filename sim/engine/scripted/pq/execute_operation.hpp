// One statement to the world's server.
#pragma once

#include <copg/result.hpp>

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "pq/connection.hpp"
#include "pq/describe_first.hpp"
#include "pq/params_view.hpp"
#include "pq/result_access.hpp"
#include "pq/transaction_command.hpp"

namespace copg::pq {

inline namespace scripted {

/// The number of a statement, which is its only parameter. Savepoints have none.
[[nodiscard]] inline std::uint32_t token_of(const ParamsView& params) {
  if (params.size() == 0) return World::here().new_token();
  return static_cast<std::uint32_t>(std::strtoul(params.values()[0], nullptr, 10));
}

/// One row with one column: the token.
[[nodiscard]] inline Result answer_with(std::uint32_t token) {
  const std::string text = std::to_string(token);
  std::string name = "token";
  ResultPtr result(PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK));
  PGresAttDesc column{.name = name.data(),
                      .tableid = 0,
                      .columnid = 0,
                      .format = 0,
                      .typid = 25,
                      .typlen = -1,
                      .atttypmod = -1};
  std::string value = text;
  PQsetResultAttrs(result.get(), 1, &column);
  PQsetvalue(result.get(), 0, 0, value.data(), static_cast<int>(value.size()));
  return ResultAccess::make(std::move(result));
}

/// What is sent once, and answered once.
class OneStatement : public StatementOperation {
 public:
  Step advance(Ready /*ready*/) final {
    const OneCaller inside(connection_);
    World::here().let_others_act();
    if (!sent_) {
      if (!connection_.protocol_idle()) return fail(usage_error(still_busy, sql_));
      if (!gather()) return Step::finished();
      if (begin_) connection_.session_of_server().in_transaction = true;
      if (!connection_.send(token_, deed_of(sql_), *this)) return end_lost();
      sent_ = true;
      was_sent(connection_);
      return Step::wait(connection_.fd(), Ready::read);
    }
    const auto answer = connection_.receive();
    if (!answer) return connection_.alive() ? Step::wait(connection_.fd(), Ready::read) : end_lost();
    if (answer->token != token_) World::here().breaks("answer", "an answer of another statement has come");
    if (answer->cancelled) {
      auto error = std::make_unique<ErrorInfo>();
      error->kind = ErrorKind::query_failed;
      error->message = "canceled";
      return fail(std::move(error));
    }
    answered();
    return Step::finished();
  }
  [[nodiscard]] const char* phase() const noexcept override { return sent_ ? "waiting" : "unsent"; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override { return sent_; }
  [[nodiscard]] bool commits() const noexcept override { return deed_of(sql_) == sim::Deed::ends; }

 protected:
  OneStatement(Connection& connection, std::string_view sql, std::uint32_t token, BeginFirst begin)
      : StatementOperation(sql), connection_(connection), token_(token), begin_(begin) {}

  /// Asks its caller for what is to be sent. False: there is nothing.
  virtual bool gather() { return true; }
  virtual void was_sent(Connection& /*connection*/) {}
  virtual void answered() {}
  /// What it means for the operation that the connection has died.
  virtual ErrorPtr lost(ErrorPtr error) { return error; }
  [[nodiscard]] std::uint32_t token() const noexcept { return token_; }

 private:
  Step end_lost() {
    connection_.mark_dead();
    return fail(lost(connection_.gone()));
  }

  Connection& connection_;
  const std::uint32_t token_;
  const BeginFirst begin_;
  bool sent_ = false;
};

class ExecuteOperation final : public OneStatement {
 public:
  ExecuteOperation(Connection& connection, std::string_view sql, ParamsView params,
                   BeginFirst begin = BeginFirst::no, DescribeFirst /*first*/ = {})
      : OneStatement(connection, sql, token_of(params), begin) {}
  [[nodiscard]] Result take_result() const { return answer_with(token()); }
};

}  // namespace scripted
}  // namespace copg::pq
