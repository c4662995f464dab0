#include "faces/routed_call.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include "engine/calls/event_kinds.hpp"
#include "engine/turned_away.hpp"

namespace copg::faces {

namespace asio = boost::asio;

void CallOfParts::cancel(asio::cancellation_type type) noexcept {
  boost::intrusive_ptr<async::Call> part;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    part = part_;
  }
  if (part) part->cancel(type);
}

bool CallOfParts::begins(async::Call& part) noexcept {
  const std::lock_guard lock(mutex_);
  if (cancelled_) return false;
  part_ = &part;
  return true;
}

void CallOfParts::ends(const async::Call& part) noexcept {
  const std::lock_guard lock(mutex_);
  if (part_ == &part) part_ = nullptr;
}

std::exception_ptr CallOfParts::cancellation() {
  return std::make_exception_ptr(boost::system::system_error(asio::error::operation_aborted));
}

bool is_turned_away(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const engine::TurnedAway&) {
    return true;
  } catch (...) {
    return false;
  }
}

EachPoolCall::EachPoolCall(const std::shared_ptr<Hosts>& hosts, engine::TimePoint deadline,
                           engine::Milestone milestone,
                           const std::vector<std::shared_ptr<engine::PoolEngine>>& pools,
                           detail::Handler<>&& handler)
    : loop_(hosts->loop()),
      deadline_(deadline),
      milestone_(milestone),
      completion_(std::move(handler), *loop_) {
  for (const auto& pool : pools) pools_.push_back(hosts->loop_of(pool));
  completion_.cancel_with(*this);
}

void EachPoolCall::next(bool inside, std::exception_ptr error) {
  if (error || pools_.empty()) return completion_.complete(inside, *loop_, std::move(error));
  std::shared_ptr<async::Loop> pool = std::move(pools_.back());
  pools_.pop_back();
  start_part<engine::PoolWaitKind<async::Call>>(boost::intrusive_ptr(this), std::move(pool),
                                                engine::TimeLimit::until(deadline_), milestone_);
}

void wait_for_each(const std::shared_ptr<Hosts>& hosts, const Deadline& deadline, engine::Milestone milestone,
                   const std::vector<std::shared_ptr<engine::PoolEngine>>& pools, detail::Handler<> handler) {
  boost::intrusive_ptr(new EachPoolCall(hosts, deadline.at(), milestone, pools, std::move(handler)))
      ->next(false, nullptr);
}

}  // namespace copg::faces
