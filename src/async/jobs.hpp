// What the asynchronous calls do: the counterpart of the lambdas in sync/.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/result.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "engine/calls/pipeline_answers.hpp"
#include "engine/pool_engine.hpp"
#include "engine/raise.hpp"
#include "engine/statement_kind.hpp"
#include "pq/execute_many_operation.hpp"
#include "pq/execute_operation.hpp"
#include "pq/transaction_operation.hpp"

namespace copg::async {

/// Of a statement of a fetch verb. Throws UsageError.
inline pq::DescribeFirst describe_first(engine::PoolEngine& engine, const detail::Request& request) {
  if (request.shape() == nullptr) return {};
  return engine::describe_first(engine.fitting_texts(), request.sql(), *request.shape());
}

struct ExecuteJob {
  std::unique_ptr<detail::Request> request;
  pq::DescribeFirst first;

  pq::ExecuteOperation make(pq::Connection& connection, pq::BeginFirst begin) {
    return {connection, request->sql(), *request, begin, first};
  }
  Result take(pq::ExecuteOperation& operation) {
    engine::raise_error_of(operation);
    return operation.take_result();
  }
};

struct ExecuteManyJob {
  detail::ManyRequest request;

  pq::ExecuteManyOperation make(pq::Connection& connection, pq::BeginFirst begin) {
    return {connection, request.sql, *request.rows, begin};
  }
  std::int64_t take(pq::ExecuteManyOperation& operation) {
    engine::rethrow(operation.source_error());
    engine::raise_error_of(operation);
    return operation.affected_rows();
  }
};

/// On a connection's lease only.
class PipelineJob {
 public:
  explicit PipelineJob(Pipeline pipeline) : parts_(std::make_unique<Parts>(std::move(pipeline))) {}

  pq::PipelineOperation make(pq::Connection& connection, pq::BeginFirst begin) {
    return {connection, parts_->answers.begin(), parts_->answers, pq::PipelineOrder::kept, begin};
  }
  std::vector<PipelineAnswer> take(pq::PipelineOperation& operation) {
    return parts_->answers.take(operation);
  }

 private:
  struct Parts {  // stay where they are: the operation points to them
    explicit Parts(Pipeline given) : pipeline(std::move(given)), answers(pipeline) {}
    const Pipeline pipeline;
    engine::PipelineAnswers answers;
  };
  std::unique_ptr<Parts> parts_;
};

/// On a connection's lease only.
struct EndJob {
  pq::TransactionCommand command;

  pq::TransactionOperation make(pq::Connection& connection, pq::BeginFirst /*begin*/) const {
    return {connection, command};
  }
  static void take(pq::TransactionOperation& operation) { engine::raise_error_of(operation); }
};

}  // namespace copg::async
