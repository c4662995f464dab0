// One statement and its rows: execute, fetch_one, fetch_val, and each statement in a transaction.
//
// The first use of a text, and every use of a long one, is unnamed, in the extended protocol. On the second
// use, a Parse under a name travels in the same flush. From the third on it is one send and one receive, as a
// bare PQexecPrepared. Several statements in one text go through the simple protocol. A statement is never
// executed twice: the only retry follows an error that came before execution.
#pragma once

#include <copg/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>

#include "pq/describe_first.hpp"
#include "pq/exchange.hpp"
#include "pq/params_view.hpp"
#include "pq/statement_use.hpp"
#include "pq/transaction_command.hpp"

namespace copg::pq {

class ExecuteOperation final : public Exchange {
 public:
  /// `sql` and what `params` shows must outlive the operation. A text without parameters may hold several
  /// statements: the rows are those of the first one that returned any, else the first one's (empty) result.
  /// COPY ... FROM STDIN / TO STDOUT is a usage error, which the connection survives; an open transaction has
  /// failed.
  ///
  /// An error of what `begin` sends is the operation's, and the statement is not executed. In front of
  /// several statements, settings cost a round trip of their own, since the simple protocol takes no
  /// parameters.
  ///
  /// With `first`, the columns are asked for, which costs a round trip, and the statement is executed only if
  /// they fit. If they do not, that is an error of kind data, and nothing but BEGIN was executed.
  ExecuteOperation(Connection& connection, std::string_view sql, ParamsView params,
                   BeginFirst begin = BeginFirst::no, DescribeFirst first = {});
  /// If it is dropped before it is done, the connection is not protocol_idle and must be reset.
  ~ExecuteOperation() override;

  /// After `done` without an error, once.
  [[nodiscard]] Result take_result();
  [[nodiscard]] bool commits() const noexcept override { return use_.traits().commits; }

 private:
  /// What is answered next. The first three belong to the beginning of a transaction.
  enum class Expect : std::uint8_t { rollback, begin, settings, description, answer };
  enum class Description : std::uint8_t {
    none,     ///< It was not asked for, or what follows it was put.
    awaited,  ///< Nothing is put until it has come.
    fits,     ///< The statement is to be put.
    refused,  ///< It does not fit, or there was an error: only a Sync is to be put.
  };

  ErrorPtr check() override;
  bool send() override;
  bool send_more() override { return description_ == Description::none || go_on_described(); }
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  bool again() override;
  ErrorPtr lost(ErrorPtr error) override;
  void on_copy() override;
  void on_refused_rows(ErrorPtr error) override;

  /// The effect of the answered statement.
  [[nodiscard]] detail::Effect effect() const noexcept;
  bool send_simple();
  bool send_pipeline();
  bool put_begin();
  [[gnu::cold]] bool send_begin_alone();
  [[gnu::cold]] bool go_on_begun();
  /// The beginning, in front of a text for the simple protocol.
  [[nodiscard]] std::string begin_prefix() const;
  [[nodiscard]] Expect behind_begin() const noexcept {
    return begin_alone_ ? Expect::answer : first_ ? Expect::description : Expect::answer;
  }
  [[gnu::cold]] bool send_description();
  [[gnu::cold]] bool go_on_described();
  [[gnu::cold]] void take_description(const PGresult* description);
  void take_answer(ResultPtr result);

  const ParamsView params_;
  BeginFirst begin_;
  const DescribeFirst first_;
  StatementUse use_;
  Expect expect_ = Expect::answer;
  Description description_ = Description::none;
  bool simple_ = false;      // goes through the simple protocol
  bool alone_ = false;       // in no transaction before this statement
  bool stale_plan_ = false;  // the named statement was refused before it ran
  bool retried_ = false;
  bool begin_alone_ = false;  // a round trip of its own begins the transaction
  ResultPtr result_;
};

}  // namespace copg::pq
