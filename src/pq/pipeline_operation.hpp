// Several statements in one flush, each with its own Sync: outside a transaction each is its own, and an
// error in one touches no other.
//
// Bounded in both directions: it reads while it sends, puts no more than a batch at a time, and hands out
// every result as soon as it is certain. Never executes a statement twice: what it sends again was refused,
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
  /// `statements` and `sink` must outlive the operation. With BeginFirst::yes a BEGIN travels in front of the
  /// first that is sent, and all are part of that transaction: once one has failed, those behind it fail with
  /// 25P02. Statements that begin and end transactions may be among them and do what they do one by one;
  /// COMMIT of a failed transaction is an error. Several statements in one text, COPY and a NUL in the text
  /// are refused with a usage error for that statement alone.
  ///
  /// A plan that the server refuses before it runs (the table has changed, the name is gone) is parsed anew
  /// and sent again, once, if no transaction was open and `order` allows it.
  ///
  /// error() is set if the connection was lost, or BEGIN was refused; what the statements came to is
  /// told to the sink and by outcome().
  PipelineOperation(Connection& connection, std::span<const PipelineStatement> statements, PipelineSink& sink,
                    PipelineOrder order, BeginFirst begin = BeginFirst::no);
  /// Dropped before it is done, it leaves the connection not protocol_idle: reset it before its next use.
  ~PipelineOperation() override;

  /// One that commits is under way.
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
  /// The statements that share the Sync of BEGIN: were each to have its own, they would run outside the
  /// transaction if BEGIN is refused, by a cancel for one.
  enum class Shared : std::uint8_t {
    none,    // every statement has its own Sync
    open,    // the next one shares it, too
    closed,  // the Sync was put; nothing else is until it has come back
  };

  bool send() override;
  bool send_more() override;
  void on_result(ResultPtr result) override;
  void on_error(ErrorPtr error, const PGresult* result) override;
  void on_sync() override;
  void on_copy() override;
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
  BeginFirst begin_;  // until it is put
  std::vector<PipelineOutcome> outcomes_;
  std::size_t next_ = 0;           // the first that was never put
  std::deque<std::size_t> again_;  // to be put once more, before those
  std::deque<Flight> flights_;     // in the order of their answers
  Shared shared_ = Shared::none;
  bool begin_pending_ = false;  // BEGIN has not been answered, or was refused
  bool nameless_ = false;       // something that was put may change what names mean
  bool open_ = false;           // a transaction, by the answers so far
  bool alone_ = false;  // no transaction can be open: what is refused before it runs may be sent again
  // What is known of the first flight before its Sync has come back.
  ResultPtr result_;
  ErrorPtr failure_;
  bool stale_plan_ = false;  // the failure is a refusal of the plan
};

}  // namespace copg::pq
