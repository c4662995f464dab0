// What an asynchronous call keeps of its caller's arguments, since the caller is gone when they are sent.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>

#include <memory>
#include <utility>

#include "engine/calls/jobs.hpp"
#include "engine/pool_engine.hpp"
#include "engine/statement_kind.hpp"

namespace copg::async {

/// For a statement of a fetch verb. Throws UsageError.
inline pq::DescribeFirst describe_first(engine::PoolEngine& engine, const detail::Request& request,
                                        const engine::KnownText& text) {
  return engine::describe_first(engine.fitting_texts(), text, request.sql(), *request.shape());
}

struct KeptStatement {
  std::unique_ptr<detail::Request> request;
  pq::DescribeFirst first;

  [[nodiscard]] engine::ExecuteJob job() const { return {request->sql(), *request, first}; }
};

struct KeptRows {
  detail::ManyRequest request;
  pq::JoinableTexts* joinable;

  [[nodiscard]] engine::ExecuteManyJob job() const { return {request.sql, *request.rows, joinable}; }
};

class KeptPipeline {
 public:
  explicit KeptPipeline(Pipeline pipeline) : parts_(std::make_unique<Parts>(std::move(pipeline))) {}
  [[nodiscard]] engine::PipelineJob job() const { return {parts_->answers}; }

 private:
  struct Parts {  // on the heap, because the operation points to them
    explicit Parts(Pipeline given) : pipeline(std::move(given)), answers(pipeline) {}
    const Pipeline pipeline;
    engine::PipelineAnswers answers;
  };
  std::unique_ptr<Parts> parts_;
};

}  // namespace copg::async
