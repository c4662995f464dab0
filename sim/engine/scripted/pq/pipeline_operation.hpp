// Several statements on their way to the world's server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "pq/execute_operation.hpp"
#include "pq/pipeline_sink.hpp"

namespace copg::pq {

inline namespace scripted {

class PipelineOperation final : public StatementOperation {
 public:
  PipelineOperation(Connection& connection, std::span<const PipelineStatement> statements, PipelineSink& sink,
                    PipelineOrder /*order*/, BeginFirst begin = BeginFirst::no)
      : StatementOperation(""),
        connection_(connection),
        statements_(statements),
        sink_(sink),
        begin_(begin),
        outcomes_(statements.size(), PipelineOutcome::never_sent) {}

  Step advance(Ready /*ready*/) override {
    const OneCaller inside(connection_);
    World::here().let_others_act();
    if (sent_ == 0 && !connection_.protocol_idle()) return fail(usage_error(still_busy, {}));
    if (sent_ == 0 && begin_) connection_.session_of_server().in_transaction = true;
    // The socket may take a part of them.
    std::size_t room = World::here().once_in(4) ? 1 + World::here().choose(3) : statements_.size();
    while (sent_ < statements_.size() && room-- > 0 && connection_.alive()) {
      const PipelineStatement& next = statements_[sent_];
      if (!connection_.send(token_of(next.params), deed_of(next.sql), *this)) {
        connection_.mark_dead();
        break;
      }
      outcomes_[sent_++] = PipelineOutcome::unknown;
    }
    while (const auto answer = connection_.receive()) take(*answer);
    if (!connection_.alive()) return end_lost();
    if (answered_ == statements_.size()) return Step::finished();
    return Step::wait(connection_.fd(), sent_ < statements_.size() ? Ready::read_write : Ready::read);
  }
  [[nodiscard]] const char* phase() const noexcept override { return "waiting"; }
  [[nodiscard]] bool first_bytes_sent() const noexcept override { return sent_ > 0; }
  [[nodiscard]] PipelineOutcome outcome(std::size_t index) const noexcept { return outcomes_[index]; }

 private:
  void take(const sim::Session::Statement& answer) {
    const std::size_t index = answered_++;
    if (answer.token != token_of(statements_[index].params))
      World::here().breaks("answer", "the answers of a run have come in another order");
    if (answer.cancelled) {
      outcomes_[index] = PipelineOutcome::failed;
      ErrorInfo error;
      error.kind = ErrorKind::query_failed;
      error.message = "canceled";
      sink_.on_error(index, std::move(error));
    } else {
      outcomes_[index] = PipelineOutcome::answered;
      sink_.on_result(index, answer_with(answer.token));
    }
  }
  Step end_lost() {
    for (; answered_ < sent_; ++answered_) sink_.on_error(answered_, *connection_.gone());
    return fail(connection_.gone());
  }

  Connection& connection_;
  std::span<const PipelineStatement> statements_;
  PipelineSink& sink_;
  const BeginFirst begin_;
  std::vector<PipelineOutcome> outcomes_;
  std::size_t sent_ = 0;
  std::size_t answered_ = 0;
};

}  // namespace scripted
}  // namespace copg::pq
