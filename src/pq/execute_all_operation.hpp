// Several statements in one flush and one transaction: all of them or none.
//
// One Sync stands behind all. Outside a transaction, BEGIN stands in front of them and COMMIT behind, so that
// what needs a transaction (SET LOCAL, LOCK, a savepoint) works as in one, and the answer to COMMIT says that
// all were kept; no implicit transaction has these. Memory for what is sent is bounded: it reads while it
// sends, and puts one batch at a time. What the server answers is kept until it is certain.
// Why: docs/adr/0053-pipelines-all-or-each.md.
#pragma once

#include <copg/result.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "pq/execute_operation.hpp"
#include "pq/pipeline_sink.hpp"
#include "pq/statement_use.hpp"

namespace copg::pq {

class ExecuteAllOperation final : public Exchange {
 public:
  /// `statements` must outlive the operation. In an open transaction, or one that `begin` begins, they are
  /// part of that, and an error leaves it failed; else they are one of their own, and an error undoes all.
  ///
  /// The first error is the operation's. It names its statement (ErrorInfo::statement_index) and those behind
  /// it have not run. Nothing is sent if a text can't travel so: several statements, a COPY, a NUL, a wrong
  /// number of parameters, or a statement that begins or ends a transaction.
  ///
  /// If the server refuses the first statement's plan before it runs (a table has changed, the name is gone),
  /// a transaction of their own is sent again, once. Behind others it is an error, since those have run.
  ExecuteAllOperation(Connection& connection, std::span<const PipelineStatement> statements,
                      BeginFirst begin = BeginFirst::no);
  /// If it is dropped before it is done, the connection is not protocol_idle and must be reset.
  ~ExecuteAllOperation() override;

  /// Whether its own COMMIT is under way.
  [[nodiscard]] bool commits() const noexcept override {
    return own_transaction_ && finished_ && !failed_ && !committed_;
  }
  /// After `done` without an error, once: the results in the order of the statements.
  [[nodiscard]] std::vector<Result> take_results() noexcept { return std::move(results_); }

 private:
  ErrorPtr check() override;
  bool send() override;
  bool send_more() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  void on_sync() override;
  void on_copy() override;
  void on_refused_rows(ErrorPtr error) override;
  bool again() override;
  ErrorPtr lost(ErrorPtr error) override;
  [[nodiscard]] bool answered() const override { return committed_; }

  bool put_begin();
  bool put(const PipelineStatement& statement);
  bool finish();
  void take_begin(const PGresult* result);
  /// The statement whose answer comes next; `statements_.size()` is the COMMIT.
  [[nodiscard]] std::size_t index() const noexcept { return results_.size(); }

  std::span<const PipelineStatement> statements_;
  BeginFirst begin_;
  bool own_transaction_ = false;
  bool finished_ = false;      // the Sync was put
  bool failed_ = false;        // the server has refused something
  bool committed_ = false;     // its own COMMIT was answered
  bool rolling_back_ = false;  // its own ROLLBACK is under way, after an error
  bool stale_plan_ = false;    // the error is a refusal of the first statement's plan
  bool repeated_ = false;
  bool nameless_ = false;             // something that was put may change what names mean
  int begin_pending_ = 0;             // answers to the beginning that have not come
  std::size_t next_ = 0;              // the first that was not put
  std::deque<StatementUse> flights_;  // in the order of their answers
  std::vector<Result> results_;
};

}  // namespace copg::pq
