#include "pq/commit_question.hpp"

namespace copg::pq {
namespace {

/// Long enough for a backend that was told to end to roll back.
constexpr double pause_s = 0.02;

}  // namespace

CommitQuestion::CommitQuestion(Connection& connection, const CommitDoubt& doubt, bool again)
    : StatementOperation("COMMIT"),
      doubt_(doubt),
      statement_(connection, doubt.number, again ? pause_s : 0) {}

Step CommitQuestion::advance(Ready ready) {
  const Step step = statement_.operation.advance(ready);
  if (!step.done) return step;
  if (statement_.operation.error() != nullptr) return fail(statement_.operation.take_error());
  fate_ = fate_in(statement_.operation.take_result(), doubt_.server);
  return Step::finished();
}

}  // namespace copg::pq
