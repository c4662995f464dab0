// Statements of one transaction to the world's server, which takes them for one statement.
#pragma once

#include <span>
#include <vector>

#include "pq/execute_operation.hpp"
#include "pq/pipeline_sink.hpp"

namespace copg::pq {
inline namespace scripted {

class ExecuteAllOperation final : public OneStatement {
 public:
  ExecuteAllOperation(Connection& connection, std::span<const PipelineStatement> statements, BeginFirst begin)
      : OneStatement(connection, statements.front().sql, token_of(statements.front().params), begin),
        count_(statements.size()) {}
  [[nodiscard]] std::vector<Result> take_results() const {
    return std::vector<Result>(count_, answer_with(token()));
  }

 private:
  const std::size_t count_;
};

}  // namespace scripted
}  // namespace copg::pq
