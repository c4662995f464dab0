// An event loop in which nothing happens but what a test lets happen, in the order in which it lets it: the
// port of engine::EventCall for tests. No thread and no time of its own.
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/calls/event_call.hpp"
#include "engine/calls/jobs.hpp"

namespace copg::test {

class VirtualCall;

class VirtualLoop {
 public:
  explicit VirtualLoop(engine::PoolEngine& engine) : engine_(engine) {}

  [[nodiscard]] engine::PoolEngine& engine() const noexcept { return engine_; }
  /// How many were woken and have not gone on.
  [[nodiscard]] std::size_t woken() const;
  /// Lets those go on that were woken by now.
  void proceed();
  /// Reports the descriptors that are ready, after waiting for the first for that long.
  void report(int timeout_ms);
  /// Both, until the call has ended. False: it took too long.
  bool run(VirtualCall& call);

 private:
  friend class VirtualCall;
  struct Wait {
    int fd;
    pq::Ready wait_for;
    std::uint32_t number;
  };

  engine::PoolEngine& engine_;
  mutable std::mutex mutex_;
  std::vector<VirtualCall*> woken_;  // guarded by mutex_: the engine wakes from its own threads
  std::map<VirtualCall*, Wait> watched_;
};

/// The most derived class calls `let_go` in its destructor.
class VirtualCall : public engine::EventCall {
 public:
  using Home = VirtualLoop*;
  template <class Operation>
  using Room = engine::InPlace<Operation>;

  void start() noexcept { EventCall::start(engine::now(), engine::now()); }
  /// As one that began so long ago that its time is up now.
  void start_late(engine::Duration timeout) noexcept {
    EventCall::start(engine::now(), engine::now() - timeout);
  }
  /// What an event loop does that goes away.
  void lose_loop() noexcept {
    forget_here();
    abandon();
  }
  void let_go() noexcept {
    drop();
    forget_here();
  }
  [[nodiscard]] bool has_ended() const noexcept { return ends_ > 0; }
  [[nodiscard]] int ends() const noexcept { return ends_; }
  [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
  [[nodiscard]] bool watched() const noexcept {
    return loop_.watched_.contains(const_cast<VirtualCall*>(this));
  }

 protected:
  VirtualCall(VirtualLoop* loop, const engine::TimeLimit& limit, engine::LeaseUse use)
      : EventCall(loop->engine(), limit, use), loop_(*loop) {}
  void wake() noexcept override {
    const std::lock_guard lock(loop_.mutex_);
    if (std::ranges::find(loop_.woken_, this) == loop_.woken_.end()) loop_.woken_.push_back(this);
  }

 private:
  friend class VirtualLoop;

  void watch(const pq::Step& step, std::uint32_t wait) final {
    loop_.watched_.insert_or_assign(this, VirtualLoop::Wait{step.fd, step.wait_for, wait});
  }
  void unwatch(bool /*reported*/) noexcept final { loop_.watched_.erase(this); }
  void ended(bool /*inside*/, std::exception_ptr error) final {
    clean_up();
    error_ = std::move(error);
    ++ends_;
  }
  void forget_here() noexcept {
    const std::lock_guard lock(loop_.mutex_);
    std::erase(loop_.woken_, this);
    loop_.watched_.erase(this);
  }

  VirtualLoop& loop_;
  std::exception_ptr error_;
  int ends_ = 0;
};

inline std::size_t VirtualLoop::woken() const {
  const std::lock_guard lock(mutex_);
  return woken_.size();
}

inline void VirtualLoop::proceed() {
  for (std::size_t left = woken(); left > 0; --left) {
    VirtualCall* call = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (woken_.empty()) return;
      call = woken_.front();
      woken_.erase(woken_.begin());
    }
    call->proceed(true);
  }
}

inline void VirtualLoop::report(int timeout_ms) {
  const auto watched = watched_;
  std::vector<pollfd> fds;
  for (const auto& [call, wait] : watched) {
    const int events = (includes(wait.wait_for, pq::Ready::read) ? POLLIN : 0) |
                       (includes(wait.wait_for, pq::Ready::write) ? POLLOUT : 0);
    fds.push_back({.fd = wait.fd, .events = static_cast<short>(events), .revents = 0});
  }
  if (poll(fds.data(), fds.size(), timeout_ms) <= 0) return;
  auto fd = fds.begin();
  for (const auto& [call, wait] : watched) {
    if ((fd++)->revents != 0) call->ready(wait.number, wait.wait_for);
  }
}

inline bool VirtualLoop::run(VirtualCall& call) {
  const engine::TimePoint deadline = engine::now() + std::chrono::seconds(20);
  while (!call.has_ended() && engine::now() < deadline) {
    proceed();
    if (!call.has_ended()) report(1);
  }
  return call.has_ended();
}

}  // namespace copg::test
