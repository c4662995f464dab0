// Collects the answers to the statements of a user's pipeline.
#pragma once

#include <copg/pipeline.hpp>

#include <span>
#include <vector>

#include "pq/pipeline_operation.hpp"

namespace copg::engine {

/// What operations take of a pipeline, which must outlive it.
[[nodiscard]] std::vector<pq::PipelineStatement> statements_of(const Pipeline& pipeline);

/// `pipeline` must outlive it.
class PipelineAnswers final : public pq::PipelineSink {
 public:
  explicit PipelineAnswers(const Pipeline& pipeline) : statements_(statements_of(pipeline)) {}

  /// The statements for an operation. Forgets the answers to an earlier one, which never reached the server.
  [[nodiscard]] std::span<const pq::PipelineStatement> begin();
  void on_result(std::size_t index, Result result) override { answers_[index] = std::move(result); }
  void on_error(std::size_t index, ErrorInfo error) override {
    answers_[index] = make_exception(std::move(error));
  }
  [[nodiscard]] std::span<const pq::PipelineStatement> statements() const noexcept { return statements_; }
  /// After the operation has ended, in the order of the statements.
  [[nodiscard]] std::vector<PipelineAnswer> take(pq::PipelineOperation& operation);

 private:
  std::vector<pq::PipelineStatement> statements_;
  std::vector<PipelineAnswer> answers_;
};

}  // namespace copg::engine
