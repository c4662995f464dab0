#include "engine/calls/pipeline_answers.hpp"

#include <exception>
#include <utility>

namespace copg::engine {

std::vector<pq::PipelineStatement> statements_of(const Pipeline& pipeline) {
  std::vector<pq::PipelineStatement> statements;
  statements.reserve(pipeline.size());
  for (const Pipeline::Statement& statement : pipeline.statements())
    statements.push_back({statement.sql, statement.params});
  return statements;
}

std::span<const pq::PipelineStatement> PipelineAnswers::begin() {
  answers_.assign(statements_.size(), PipelineAnswer(std::exception_ptr()));
  return statements_;
}

std::vector<PipelineAnswer> PipelineAnswers::take(pq::PipelineOperation& operation) {
  if (operation.error() != nullptr) {
    // The others have been told what it means to them.
    const std::exception_ptr error = make_exception(std::move(*operation.take_error()));
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      if (operation.outcome(i) == pq::PipelineOutcome::never_sent) answers_[i] = error;
    }
  }
  return std::move(answers_);
}

}  // namespace copg::engine
