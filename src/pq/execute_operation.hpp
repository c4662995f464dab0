// One statement and its rows: execute, fetch_one, fetch_val, and each statement in a transaction.
//
// First use of a text: unnamed, extended protocol. Second: its Parse travels in the same flush, under a name.
// From the third on: one send, one receive, as a bare PQexecPrepared. Several statements in one text go
// through the simple protocol. Never executes a statement twice: the one retry there is follows an error that
// came before execution.
#pragma once

#include <copg/result.hpp>

#include <string>
#include <string_view>

#include "pq/exchange.hpp"
#include "pq/params_view.hpp"

namespace copg::pq {

/// Whether BEGIN travels in front, in the same flush.
enum class BeginFirst : bool { no, yes };

class ExecuteOperation final : public Exchange {
 public:
  /// `sql` and what `params` shows must outlive the operation. A text without parameters may hold several
  /// statements: the rows are those of the first one that returned any, else the first one's (empty) result.
  /// COPY ... FROM STDIN / TO STDOUT is a usage error, after which the connection is fit for use (in a
  /// transaction: a failed one).
  ExecuteOperation(Connection& connection, std::string_view sql, ParamsView params,
                   BeginFirst begin = BeginFirst::no);
  /// Dropped before it is done, it leaves the connection not protocol_idle: reset it before its next use.
  ~ExecuteOperation() override;

  /// After `done` without an error, once.
  [[nodiscard]] Result take_result();
  [[nodiscard]] bool commits() const noexcept override { return traits_.commits; }

 private:
  enum class Route : std::uint8_t { simple, unnamed, parse, named };
  enum class Expect : std::uint8_t { rollback, begin, parse, answer, end };

  std::optional<ErrorInfo> check() override;
  bool send() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorInfo error, const PGresult* result) override;
  bool again() override;
  ErrorInfo lost(ErrorInfo error) override;
  void on_copy() override;

  void look_up();
  [[nodiscard]] Route choose_route() const noexcept;
  [[nodiscard]] const char* text() const noexcept;
  bool send_simple();
  bool send_pipeline();
  bool send_statement();
  void expect_next() noexcept;
  void take_answer(ResultPtr result);
  void refused_by_name(ErrorInfo& error, const PGresult* result);

  const ParamsView params_;
  BeginFirst begin_;
  Route route_ = Route::unnamed;
  Expect expect_ = Expect::answer;
  bool alone_ = false;       // in no transaction before this statement
  bool naming_ = false;      // a Parse under a name is under way
  bool stale_plan_ = false;  // the named statement was refused before it ran
  bool retried_ = false;
  bool answered_ = false;  // the session state knows how the statement ended
  TextTraits traits_;
  Statement* statement_ = nullptr;
  std::string text_;  // NUL-terminated, where the statement cache has none
  ResultPtr result_;
};

}  // namespace copg::pq
