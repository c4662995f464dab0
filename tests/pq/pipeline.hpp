// Runs a pipeline to its end and keeps what it told, for tests.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pq/pipeline_operation.hpp"
#include "session.hpp"

namespace copg::test {

struct Text {
  std::string sql;
  Params params{};
};

/// They show `texts`.
inline std::vector<pq::PipelineStatement> statements_of(const std::vector<Text>& texts) {
  std::vector<pq::PipelineStatement> statements;
  for (const Text& text : texts) statements.push_back({text.sql, text.params});
  return statements;
}

/// Statements, the sink and the operation together.
class Pipeline final : public pq::PipelineSink {
 public:
  Pipeline(pq::Connection& connection, std::vector<Text> texts, pq::BeginFirst begin = pq::BeginFirst::no,
           pq::PipelineOrder allowed = pq::PipelineOrder::free)
      : told(texts.size()),
        texts_(std::move(texts)),
        statements_(statements_of(texts_)),
        operation(connection, statements_, *this, allowed, begin) {}

  void on_result(std::size_t index, Result result) override {
    EXPECT_FALSE(told[index]) << "statement " << index << " is told twice";
    told[index] = Outcome{.result = std::move(result), .error = {}};
    order.push_back(index);
  }
  void on_error(std::size_t index, ErrorInfo error) override {
    EXPECT_FALSE(told[index]) << "statement " << index << " is told twice";
    told[index] = Outcome{.result = {}, .error = std::move(error)};
    order.push_back(index);
  }

  /// To its end, which must be a good one.
  Pipeline& run_well() {
    run(operation, 60s);
    EXPECT_EQ(operation.error(), nullptr) << operation.error()->message;
    return *this;
  }
  /// The answer to each: the first field or the SQLSTATE, or the message where there is none.
  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const auto& one : told) all.push_back(one ? one->text() : "(nothing)");
    return all;
  }
  [[nodiscard]] std::size_t size() const noexcept { return told.size(); }

  std::vector<std::optional<Outcome>> told;
  std::vector<std::size_t> order;  ///< In which they were told.

 private:
  std::vector<Text> texts_;
  std::vector<pq::PipelineStatement> statements_;

 public:
  pq::PipelineOperation operation;
};

}  // namespace copg::test
