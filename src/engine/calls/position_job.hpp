// One statement, and a question for the position of the log behind it, in one flush.
#pragma once

#include <copg/error.hpp>
#include <copg/event.hpp>
#include <copg/result.hpp>

#include <array>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "engine/calls/jobs.hpp"
#include "engine/raise.hpp"
#include "pq/pipeline_operation.hpp"

namespace copg::engine {

/// The answers to the statement and to the question. What it refers to must outlive it.
class PositionAnswers final : public pq::PipelineSink {
 public:
  PositionAnswers(std::string_view sql, const pq::ParamsView& params, std::string_view question)
      : statements_{{{sql, params}, {question, {}}}} {}

  /// The statements for an operation. Forgets the answers to an earlier one, which never reached the server.
  [[nodiscard]] std::span<const pq::PipelineStatement> begin() {
    result_.reset();
    error_ = nullptr;
    position_.reset();
    return statements_;
  }
  [[nodiscard]] const pq::PipelineStatement& statement() const noexcept { return statements_.front(); }
  void on_result(std::size_t index, Result result) override {
    if (index == 0) {
      result_ = std::move(result);
    } else if (answered()) {
      position_ = std::move(result);
    }
  }
  void on_error(std::size_t index, ErrorInfo error) override {
    if (index == 0) error_ = make_exception(std::move(error));
  }
  /// The statement's result; throws its error.
  [[nodiscard]] Result take(pq::PipelineOperation& operation) {
    if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
    if (!result_) raise_error_of(operation);
    return std::move(*result_);
  }
  /// The answer to the question; nothing if it did not come, or was given before the statement was executed
  /// (one whose plan was refused is sent again).
  [[nodiscard]] const std::optional<Result>& position() const noexcept { return position_; }

 private:
  [[nodiscard]] bool answered() const noexcept { return result_ || error_ != nullptr; }

  const std::array<pq::PipelineStatement, 2> statements_;
  std::optional<Result> result_;
  std::exception_ptr error_;
  std::optional<Result> position_;
};

struct PositionJob {
  PositionAnswers& answers;

  [[nodiscard]] pq::PipelineOperation make(pq::Connection& connection, pq::BeginFirst begin) const {
    return {connection, answers.begin(), answers, pq::PipelineOrder::free, begin};
  }
  [[nodiscard]] event::StatementBegan shape() const noexcept {
    return shape_of(event::Verb::execute, answers.statement().sql, answers.statement().params.types());
  }
  Result take(pq::PipelineOperation& operation) const { return answers.take(operation); }
};

}  // namespace copg::engine
