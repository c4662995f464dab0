// Statements of several callers that travel over one connection as one pipeline. The run belongs to the
// holder of the lease, its driver, and passes each answer to its caller as it comes.
#pragma once

#include <copg/detail/request.hpp>
#include <copg/pipeline.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/clock.hpp"
#include "pool/types.hpp"
#include "pq/pipeline_operation.hpp"

namespace copg::engine {

/// The connection over which a statement has travelled with others, as observers know it.
struct Carrier {
  std::uint64_t connection = 0;
  int backend_pid = 0;
  TimePoint sent_at{};
};

class Run final : public pq::PipelineSink {
 public:
  struct Member {
    pool::WaiterId id;
    std::unique_ptr<detail::Request> request;
  };

  struct Answer {
    pool::WaiterId id;
    Duration took;  ///< Since it was sent, or since the answer before it.
    PipelineAnswer answer;
  };

  explicit Run(std::vector<Member> members);

  /// Makes the operation, which has sent nothing yet.
  pq::PipelineOperation& begin(pq::Connection& connection);
  [[nodiscard]] pq::PipelineOperation& operation() noexcept { return *operation_; }
  [[nodiscard]] std::vector<Member>& members() noexcept { return members_; }
  [[nodiscard]] const std::vector<Member>& members() const noexcept { return members_; }
  /// Taken, and not given to their callers.
  [[nodiscard]] std::vector<Answer>& answers() noexcept { return answers_; }
  [[nodiscard]] TimePoint begun_at() const noexcept { return begun_at_; }
  /// Of its statements. Set before it is begun.
  Carrier carrier;
  /// How many of the last were not sent.
  [[nodiscard]] std::uint32_t never_sent() const noexcept;

  void on_result(std::size_t index, Result result) override;
  void on_error(std::size_t index, ErrorInfo error) override;

 private:
  [[nodiscard]] Duration since_the_last() noexcept;

  std::vector<Member> members_;
  std::vector<Answer> answers_;
  std::vector<pq::PipelineStatement> statements_;
  std::optional<pq::PipelineOperation> operation_;
  TimePoint begun_at_{};
  TimePoint last_{};  // when the last answer came, or the run began
};

}  // namespace copg::engine
