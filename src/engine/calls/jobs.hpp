// What the callers of a connection ask of it, once for all shells: `make(connection, begin)` makes the
// operation, `take(operation)` returns its result or throws its error. A shell waits in between, and passes
// the result to its caller in the caller's language.
//
// A job only refers to what it sends, which must outlive the operation.
#pragma once

#include <copg/copy_stream.hpp>
#include <copg/event.hpp>
#include <copg/result.hpp>
#include <copg/row_source.hpp>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/calls/end_call.hpp"
#include "engine/calls/lease_call.hpp"
#include "engine/calls/pipeline_answers.hpp"
#include "engine/calls/room.hpp"
#include "engine/calls/transaction_stack.hpp"
#include "engine/raise.hpp"
#include "pq/copy_in_operation.hpp"
#include "pq/copy_out_operation.hpp"
#include "pq/execute_all_operation.hpp"
#include "pq/execute_many_operation.hpp"
#include "pq/execute_operation.hpp"
#include "pq/returned_rows.hpp"
#include "pq/stream_operation.hpp"

namespace copg::engine {

[[nodiscard]] inline event::StatementBegan shape_of(
    event::Verb verb, std::span<const pq::PipelineStatement> pipeline) noexcept {
  event::StatementBegan event = shape_of(verb, pipeline.empty() ? std::string_view() : pipeline.front().sql);
  event.statements = pipeline.size();
  return event;
}

struct ExecuteJob {
  std::string_view sql;
  pq::ParamsView params;
  pq::DescribeFirst first{};

  [[nodiscard]] pq::ExecuteOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, sql, params, begin, first};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::execute, sql, params.types());
  }
  static Result take(pq::ExecuteOperation& operation) {
    raise_error_of(operation);
    return operation.take_result();
  }
};

struct ExecuteManyJob {
  std::string_view sql;
  RowSource& rows;
  pq::JoinableTexts* joinable = nullptr;  ///< Of the pool; nullptr: it never joins rows.
  std::int64_t rows_before = 0;           ///< Rows of the same call that earlier jobs have sent.

  [[nodiscard]] pq::ExecuteManyOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, sql, rows, begin, joinable};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::execute_many, sql);
  }
  /// The sum of affected rows.
  std::int64_t take(pq::ExecuteManyOperation& operation) const {
    rethrow(operation.source_error());
    if (operation.error() != nullptr) [[unlikely]]
      raise_for_row(operation.take_error());
    return operation.affected_rows();
  }

 private:
  [[noreturn, gnu::cold]] void raise_for_row(pq::ErrorPtr error) const {
    if (error->row_index >= 0) error->row_index += rows_before;
    raise_error(std::move(error));
  }
};

/// The same, for the rows that the statements return.
struct ReturningJob {
  ExecuteManyJob many;
  pq::ReturnedRows& returned;

  [[nodiscard]] pq::ExecuteManyOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, many.sql, many.rows, begin, many.joinable, &returned};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept { return many.shape(); }
  std::vector<Result> take(pq::ExecuteManyOperation& operation) const {
    many.take(operation);
    return returned.take(operation.effect());
  }
};

/// `Stream`: CopySource or CopySink.
template <class Operation, class Stream>
struct CopyJob {
  std::string_view sql;
  Stream& stream;

  [[nodiscard]] Operation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, sql, stream, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept { return shape_of(event::Verb::copy, sql); }
  /// The rows copied.
  static std::int64_t take(Operation& operation) {
    rethrow(operation.stream_error());
    raise_error_of(operation);
    return operation.rows_copied();
  }
};
using CopyInJob = CopyJob<pq::CopyInOperation, CopySource>;
using CopyOutJob = CopyJob<pq::CopyOutOperation, CopySink>;

struct PipelineJob {
  PipelineAnswers& answers;

  [[nodiscard]] pq::PipelineOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, answers.begin(), answers, pq::PipelineOrder::kept, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::pipeline, answers.statements());
  }
  std::vector<PipelineAnswer> take(pq::PipelineOperation& operation) const { return answers.take(operation); }
};

struct ExecuteAllJob {
  std::span<const pq::PipelineStatement> statements;

  [[nodiscard]] pq::ExecuteAllOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, statements, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::execute_all, statements);
  }
  static std::vector<Result> take(pq::ExecuteAllOperation& operation) {
    raise_error_of(operation);
    return operation.take_results();
  }
};

/// A stream that a shell keeps from call to call. Who drops it lets go of it (pq::KeptOpen).
class OpenStream final : public pq::Stream {
 public:
  using Stream::Stream;
  /// Rows of a chunk, unless the caller says otherwise.
  static constexpr std::size_t usual_chunk = 1000;

  /// Throws UsageError for a number out of range, and once the stream has begun.
  void set_chunk(std::size_t rows) {
    if (rows < 1 || rows > max_chunk_rows) throw UsageError("a stream has chunks of 1 to 1,000,000 rows");
    if (begun()) throw UsageError("the chunks of a stream are set before its first row");
    set_chunk_rows(rows);
  }
};

/// The next chunk of a stream.
struct StreamJob {
  std::shared_ptr<pq::Stream> stream;

  [[nodiscard]] pq::StreamOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, stream, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::stream, stream->statement().sql(),
                    pq::ParamsView(stream->statement()).types());
  }
  static Result take(pq::StreamOperation& operation) {
    raise_error_of(operation);
    return operation.take_chunk();
  }
};

/// A pipeline that outlives the caller who gave it.
class KeptPipeline {
 public:
  explicit KeptPipeline(Pipeline pipeline) : parts_(std::make_unique<Parts>(std::move(pipeline))) {}
  [[nodiscard]] PipelineJob job() const { return {parts_->answers}; }
  /// If nothing of it was sent, for another call.
  Pipeline take_request() { return std::move(parts_->pipeline); }

 private:
  struct Parts {  // on the heap, because the operation points to them
    explicit Parts(Pipeline given) : pipeline(std::move(given)), answers(pipeline) {}
    Pipeline pipeline;
    PipelineAnswers answers;
  };
  std::unique_ptr<Parts> parts_;
};

/// The same for ExecuteAllJob.
class KeptAll {
 public:
  explicit KeptAll(Pipeline pipeline)
      : pipeline_(std::make_unique<Pipeline>(std::move(pipeline))), statements_(statements_of(*pipeline_)) {}
  [[nodiscard]] ExecuteAllJob job() const { return {statements_}; }
  /// As that of KeptPipeline.
  Pipeline take_request() { return std::move(*pipeline_); }

 private:
  std::unique_ptr<Pipeline> pipeline_;  // on the heap, because the statements point into it
  std::vector<pq::PipelineStatement> statements_;
};

/// The job: `kept` itself, or `kept.job()` if a shell keeps a job together with what it refers to.
template <class Kept>
auto job_of(Kept& kept) {
  if constexpr (requires { kept.job(); }) {
    return kept.job();
  } else {
    return kept;
  }
}

/// A job on a lease. `Room`: InPlace or OnHeap.
template <class Kept, template <class> class Room>
class JobCall final : public LeaseCall {
 public:
  JobCall(PoolEngine& engine, Lease& lease, Waiter& waiter, Kept kept)
      : LeaseCall(engine, lease, waiter), kept_(std::move(kept)) {}
  ~JobCall() { leave(); }
  /// To be called before `begin` on a lease that was taken before. Otherwise the statement is a transaction
  /// of its own.
  void set_transactions(const TransactionStack& open) noexcept { transactions_ = open; }
  /// Once done.
  auto take_result() {
    using Taken = decltype(job_of(kept_).take(*operation_));
    if constexpr (std::is_void_v<Taken>) {
      job_of(kept_).take(*operation_);
    } else {
      Taken taken = job_of(kept_).take(*operation_);
      note(taken);
      return taken;
    }
  }
  [[nodiscard]] const Kept& kept() const noexcept { return kept_; }
  [[nodiscard]] Kept& kept() noexcept { return kept_; }
  using LeaseCall::leave;

 private:
  using Operation =
      decltype(job_of(std::declval<Kept&>()).make(std::declval<pq::Connection&>(), pq::BeginFirst::no));
  struct Factory {  // makes the operation in its place, since an operation can't be moved
    JobCall& call;
    pq::Connection& connection;
    operator Operation() const {  // NOLINT(google-explicit-constructor)
      return job_of(call.kept_).make(connection, call.transactions_.begin_first(connection.in_transaction()));
    }
  };

  pq::StatementOperation& make(pq::Connection& connection) override {
    return operation_.emplace(Factory{*this, connection});
  }
  void drop() noexcept override { operation_.reset(); }
  [[nodiscard]] event::StatementBegan shape() override { return job_of(kept_).shape(); }

  Kept kept_;
  TransactionStack transactions_{.autocommit = true};
  Room<Operation> operation_;
};

/// The steps of a job.
template <class Kept, template <class> class Room>
struct StepsFor {
  using Type = JobCall<Kept, Room>;
};
template <template <class> class Room>
struct StepsFor<EndJob, Room> {
  using Type = EndCall;
};
template <class Kept, template <class> class Room>
using StepsOf = typename StepsFor<Kept, Room>::Type;

}  // namespace copg::engine
