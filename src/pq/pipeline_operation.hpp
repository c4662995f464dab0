// Several statements in one flush, each with its own Sync: outside a transaction each is a transaction of its
// own, and its error affects no other.
//
// Memory is bounded in both directions: it reads while it sends, puts one batch at a time, and passes on each
// result as soon as it is certain. A statement is never executed twice: one that is sent again was refused,
// or dropped unread, before it ran. Why each has a Sync: docs/adr/0020-one-sync-per-statement.md.
#pragma once

#include <copg/result.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "pq/execute_operation.hpp"
#include "pq/pipeline_sink.hpp"
#include "pq/statement_use.hpp"

namespace copg::pq {

class PipelineOperation final : public Exchange {
 public:
  /// `statements` and `sink` must outlive the operation. What `begin` refers to travels in front of the first
  /// statement that is sent, and all are part of that transaction: after one has failed, the later ones fail
  /// with 25P02. If the beginning fails, all fail with its error. Statements that begin and end transactions
  /// have their usual effect; COMMIT of a failed transaction is an error. A statement is refused alone, with
  /// a usage error, if its text has several statements, a COPY or a NUL.
  ///
  /// A statement whose plan the server refuses before it runs (a table has changed, the name is gone) is
  /// parsed and sent again, once, if no transaction was open and `order` allows it.
  ///
  /// error() is set if the connection was lost, or the beginning was refused; the sink and outcome() tell
  /// what has become of the statements.
  PipelineOperation(Connection& connection, std::span<const PipelineStatement> statements, PipelineSink& sink,
                    PipelineOrder order, BeginFirst begin = BeginFirst::no);
  /// If it is dropped before it is done, the connection is not protocol_idle and must be reset.
  ~PipelineOperation() override;

  /// Whether a statement that commits is under way.
  [[nodiscard]] bool commits() const noexcept override;
  [[nodiscard]] PipelineOutcome outcome(std::size_t index) const noexcept { return outcomes_[index]; }

 private:
  /// A statement that was put and has not ended.
  struct Flight {
    std::size_t index;
    bool again;  // was put before
    StatementUse use;
    bool synced = false;  // a Sync stands behind it
  };
  /// Whether statements share the Sync of BEGIN: with Syncs of their own they would run outside the
  /// transaction if BEGIN is refused, for example by a cancel.
  enum class Shared : std::uint8_t {
    none,    // every statement has its own Sync
    open,    // the next statement shares the Sync
    closed,  // the Sync was put; nothing else is until it has come back
  };

  bool send() override;
  bool send_more() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  void on_sync() override;
  void on_copy() override;
  void on_refused_rows(ErrorPtr error) override;
  bool again() override { return left_to_put() > 0; }
  ErrorPtr lost(ErrorPtr error) override;

  [[nodiscard]] std::size_t left_to_put() const noexcept;
  [[nodiscard]] bool may_put() const noexcept;
  bool put_next();
  bool put(const Flight& flight);
  [[nodiscard]] bool may_change_names(const sql::TextTraits& traits) const noexcept;
  void note_transaction(std::string_view tag) noexcept;
  bool send_last_sync();
  void put_back_front();
  void end_front();
  void fail_one(std::size_t index, ErrorPtr error);

  std::span<const PipelineStatement> statements_;
  PipelineSink& sink_;
  PipelineOrder order_;
  BeginFirst begin_;
  std::vector<PipelineOutcome> outcomes_;
  std::size_t next_ = 0;           // the first that was never put
  std::deque<std::size_t> again_;  // to be put once more, before next_
  std::deque<Flight> flights_;     // in the order of their answers
  Shared shared_ = Shared::none;
  bool begin_put_ = false;
  int begin_pending_ = 0;  // answers to the beginning that have not come, or not without an error
  bool nameless_ = false;  // something that was put may change what names mean
  bool open_ = false;      // a transaction is open, by the answers so far
  bool alone_ = false;     // no transaction can be open: a statement refused before it ran may be sent again
  // What is known of the first flight before its Sync has come back.
  ResultPtr result_;
  ErrorPtr failure_;
  bool stale_plan_ = false;  // the failure is a refusal of the plan
};

}  // namespace copg::pq
