// An event loop of Asio's in virtual time: what it does next, the simulation says. What is posted to it goes
// on in its order; a descriptor that is waited for is ready when the world says so.
#pragma once

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "sim/engine/thread.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

class EventContext final : public boost::asio::execution_context {
 public:
  using Task = std::function<void()>;
  class Executor;

  EventContext() = default;
  EventContext(const EventContext&) = delete;
  EventContext& operator=(const EventContext&) = delete;
  ~EventContext();

  [[nodiscard]] Executor executor();
  void post(Task task) {
    require_here();
    tasks_.push_back(std::move(task));
  }
  /// `of`: the descriptor object, which may cancel its waits.
  void wait(const void* of, int fd, bool to_write, Task task);
  void cancel(const void* of) noexcept;

  // For the simulation.

  [[nodiscard]] Thread& thread() noexcept { return thread_; }
  /// When there is something to do, unless its thread is in the middle of something.
  [[nodiscard]] TimePoint next() const noexcept;
  /// Goes on with what it does, or else with one of the things that it could do now. False: there is none.
  bool step(std::uint32_t choice);
  /// A real one would have nothing more to do, and its `run` would return.
  [[nodiscard]] bool has_run_out() const noexcept {
    return !thread_.busy() && work_ == 0 && tasks_.empty() && waits_.empty();
  }
  /// Ends its services, and destroys what was posted.
  void go_away();

 private:
  struct Wait {
    const void* of;
    int fd;
    bool ready;
    Task task;
  };

  void require_here() const {
    if (services_gone_)
      World::here().breaks("loop", "something is given to an event loop that has gone away");
  }

  Thread thread_;
  std::deque<Task> tasks_;
  std::vector<Wait> waits_;
  int work_ = 0;
  bool gone_ = false;
  bool services_gone_ = false;
};

class EventContext::Executor {
 public:
  Executor(EventContext& context, bool tracked) noexcept : context_(&context), tracked_(tracked) { add(1); }
  Executor(const Executor& other) noexcept : Executor(*other.context_, other.tracked_) {}
  Executor& operator=(const Executor& other) noexcept {
    other.add(1);
    add(-1);
    context_ = other.context_;
    tracked_ = other.tracked_;
    return *this;
  }
  ~Executor() { add(-1); }

  /// Never inline.
  template <class Function>
  void execute(Function&& function) const {
    auto kept = std::make_shared<std::decay_t<Function>>(std::forward<Function>(function));
    context_->post([kept = std::move(kept)] { std::move (*kept)(); });
  }
  [[nodiscard]] EventContext& query(boost::asio::execution::context_t /*what*/) const noexcept {
    return *context_;
  }
  [[nodiscard]] static constexpr boost::asio::execution::blocking_t query(
      boost::asio::execution::blocking_t /*what*/) noexcept {
    return boost::asio::execution::blocking.never;
  }
  [[nodiscard]] Executor require(boost::asio::execution::blocking_t::never_t /*what*/) const noexcept {
    return *this;
  }
  [[nodiscard]] Executor require(
      boost::asio::execution::outstanding_work_t::tracked_t /*what*/) const noexcept {
    return {*context_, true};
  }
  [[nodiscard]] Executor require(
      boost::asio::execution::outstanding_work_t::untracked_t /*what*/) const noexcept {
    return {*context_, false};
  }
  friend bool operator==(const Executor& one, const Executor& other) noexcept {
    return one.context_ == other.context_;
  }
  friend bool operator!=(const Executor& one, const Executor& other) noexcept { return !(one == other); }

 private:
  void add(int work) const noexcept {
    if (tracked_) context_->work_ += work;
  }

  EventContext* context_;
  bool tracked_;
};

inline EventContext::Executor EventContext::executor() { return {*this, false}; }

}  // namespace copg::sim
