#include "engine/run.hpp"

#include <utility>

namespace copg::engine {

Run::Run(std::vector<Member> members) : members_(std::move(members)) {
  statements_.reserve(members_.size());
  answers_.reserve(members_.size());
  for (const Member& member : members_) statements_.push_back({member.request->sql(), *member.request});
}

pq::PipelineOperation& Run::begin(pq::Connection& connection) {
  last_ = begun_at_ = carrier.sent_at = now();
  return operation_.emplace(connection, statements_, *this, pq::PipelineOrder::free);
}

std::uint32_t Run::never_sent() const noexcept {
  std::uint32_t count = 0;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    if (operation_->outcome(i) == pq::PipelineOutcome::never_sent) ++count;
  }
  return count;
}

void Run::on_result(std::size_t index, Result result) {
  answers_.push_back({members_[index].id, since_the_last(), std::move(result)});
}

void Run::on_error(std::size_t index, ErrorInfo error) {
  answers_.push_back({members_[index].id, since_the_last(), make_exception(std::move(error))});
}

Duration Run::since_the_last() noexcept {
  const TimePoint time = now();
  return time - std::exchange(last_, time);
}

}  // namespace copg::engine
