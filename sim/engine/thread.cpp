#include "sim/engine/thread.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "async/loop.hpp"

namespace copg::sim {

thread_local Thread* Thread::here_ = nullptr;

Thread::Thread()
    : who_{.name = engine::HolderName("simulated"),
           .kind = engine::NumberOf::kernel,
           .id = engine::new_holder_id()} {}

void Thread::give(std::function<void()> body) {
  assert(!busy());
  fiber_ = &Fiber::take();
  body_ = std::move(body);
  flag_ = nullptr;
  fd_ = -1;
  until_ = {};
}

void Thread::go_on() {
  Thread* const before = std::exchange(here_, this);
  const engine::Requester who_before = engine::this_thread();
  engine::be_this_thread(who_);
  async::WakeBatch* const batch_before = async::WakeBatch::exchange_here(batch_);
  flag_ = nullptr;
  fd_ = -1;
  until_ = {};
  const bool ended = body_ ? fiber_->start(std::exchange(body_, nullptr)) : fiber_->resume();
  here_ = before;
  batch_ = async::WakeBatch::exchange_here(batch_before);
  engine::be_this_thread(who_before);
  if (ended) Fiber::give_back(*std::exchange(fiber_, nullptr));
}

void Thread::run(std::function<void()> body) {
  give(std::move(body));
  go_on();
}

TimePoint Thread::next() const noexcept {
  const TimePoint now = World::here().now;
  if (flag_ != nullptr && *flag_) return now;
  if (fd_ < 0) return until_;
  return signalled_ ? now : std::min(until_, World::here().readable_at(fd_));
}

void Thread::leave() {
  assert(World::here().locks == 0);
  Fiber::leave();
}

void Thread::pause() { leave(); }

void Thread::wait(const bool& flag, TimePoint until) {
  if (flag) return;
  here_->flag_ = &flag;
  here_->until_ = until;
  leave();
}

void Thread::sleep(const std::atomic<std::uint32_t>& word, std::uint32_t value, TimePoint until) {
  World& world = World::here();
  if (world.once_in(32)) return pause();
  World::Sleeper sleeper{.word = &word, .value = value};
  const auto at = world.sleepers.insert(world.sleepers.end(), &sleeper);
  wait(sleeper.woken, until);
  world.sleepers.erase(at);
}

bool Thread::wait_readable(int fd, TimePoint until) {
  here_->fd_ = fd;
  here_->until_ = until;
  leave();
  return std::exchange(here_->signalled_, false);
}

}  // namespace copg::sim
