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
#include "pq/params_view.hpp"
#include "pq/statement_use.hpp"

namespace copg::pq {

/// One statement of a pipeline. Text and parameters must outlive the operation.
struct PipelineStatement {
  std::string_view sql;
  ParamsView params;
};

/// Whether the statements of a pipeline depend on each other.
enum class PipelineOrder : std::uint8_t {
  free,  ///< They do not: one that was refused before it ran is sent again, behind those that went with it.
  kept,  ///< They may: it is sent again only if nothing went behind it.
};

/// Where the answers go, from within `advance`, each as it comes: in the order of the statements, except that
/// one which was sent again (see below) is answered later than those that went with it. Must not touch the
/// connection or end the operation; may throw std::bad_alloc and nothing else, which leaves the operation as
/// if dropped.
class PipelineSink {
 public:
  PipelineSink() = default;
  PipelineSink(const PipelineSink&) = delete;
  PipelineSink& operator=(const PipelineSink&) = delete;
  virtual ~PipelineSink() = default;

  virtual void on_result(std::size_t index, Result result) = 0;
  /// The statement failed, or was refused before it was sent (kind usage), or the connection was lost before
  /// its answer came (connection_failed, or commit_unknown for COMMIT: it may or may not have run).
  virtual void on_error(std::size_t index, ErrorInfo error) = 0;
};

/// What has become of one statement. Right at any time, also of an operation that was dropped half-way.
enum class PipelineOutcome : std::uint8_t {
  never_sent,  ///< Not a byte of it has left: it may be run elsewhere. The sink has not heard of it.
  unknown,     ///< Bytes of it may have left, and its answer has not come: it may or may not have run.
  answered,    ///< on_result.
  failed,      ///< on_error: by the server's word, or refused before it was sent.
};

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
