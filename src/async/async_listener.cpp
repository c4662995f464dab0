// A listener, for event loops.
#include <copg/async_listener.hpp>

#include <copg/error.hpp>

#include <exception>
#include <tuple>
#include <utility>

#include "async/calls.hpp"
#include "async/completion.hpp"
#include "async/listen.hpp"
#include "engine/listening/listening.hpp"

namespace copg {

namespace async {

/// Waits until a new listener is ready.
class ListenCall : public engine::ListenerReadyKind<Call> {
 protected:
  ListenCall(const std::shared_ptr<Loop>& loop, const engine::TimeLimit& limit,
             std::shared_ptr<engine::OpenListener> listener)
      : ListenerReadyKind(loop, limit, std::move(listener), {}) {}
  [[nodiscard]] std::tuple<AsyncListener>& results() noexcept { return results_; }

 private:
  void take_result() final {
    ListenerReadyKind::take_result();
    std::get<0>(results_) = AsyncListener(shared_loop(), listener());
  }

  std::tuple<AsyncListener> results_;
};

namespace {

/// Waits until added channels are ready.
class AddCall : public engine::ListenerReadyKind<Call> {
 protected:
  using ListenerReadyKind::ListenerReadyKind;
  [[nodiscard]] static std::tuple<> results() noexcept { return {}; }
};

class NextCall : public engine::ArrivalKind<Call> {
 protected:
  using ArrivalKind::ArrivalKind;
  [[nodiscard]] std::tuple<std::optional<Arrival>>& results() noexcept { return results_; }

 private:
  void take_result() final { std::get<0>(results_) = listener()->take(); }

  std::tuple<std::optional<Arrival>> results_;
};

}  // namespace

void start_listening(std::shared_ptr<Loop> loop, const engine::TimeLimit& limit,
                     detail::Handler<AsyncListener> handler, std::vector<std::string> channels,
                     std::size_t queue) {
  std::shared_ptr<engine::OpenListener> listener;
  try {
    engine::PoolEngine& engine = loop->engine();
    listener = engine.listening().open(engine.shared_from_this(), std::move(channels), queue);
  } catch (...) {
    return complete_now(loop->executor(), std::move(handler), std::current_exception(), AsyncListener());
  }
  start<ListenCall>(std::move(handler), std::move(loop), limit, std::move(listener));
}

}  // namespace async

AsyncListener::AsyncListener(std::shared_ptr<async::Loop> loop,
                             std::shared_ptr<engine::OpenListener> open) noexcept
    : loop_(std::move(loop)), open_(std::move(open)) {}

AsyncListener::AsyncListener() noexcept = default;
AsyncListener::AsyncListener(AsyncListener&& other) noexcept = default;

AsyncListener& AsyncListener::operator=(AsyncListener&& other) noexcept {
  if (this == &other) return *this;
  close();
  loop_ = std::move(other.loop_);
  open_ = std::move(other.open_);
  return *this;
}

AsyncListener::~AsyncListener() { close(); }

AsyncListener::executor_type AsyncListener::get_executor() const {
  if (!loop_) throw UsageError("this listener is of no channel");
  return loop_->executor();
}

void AsyncListener::require_open() const {
  if (!open_ || open_->closed()) throw UsageError("this listener was closed");
}

void AsyncListener::start_next(detail::Handler<std::optional<Arrival>> handler, Deadline deadline) {
  async::start<async::NextCall>(std::move(handler), loop_, engine::TimeLimit::until(deadline.at()), open_);
}

void AsyncListener::start_add(detail::Handler<> handler, const std::string& channel,
                              std::optional<Deadline> deadline) {
  const engine::TimeLimit limit =
      deadline ? engine::TimeLimit::until(deadline->at()) : loop_->engine().timeout();
  std::vector<std::string> added;
  try {
    added = open_->add({channel});
  } catch (...) {
    return async::complete_now(loop_->executor(), std::move(handler), std::current_exception());
  }
  async::start<async::AddCall>(std::move(handler), loop_, limit, open_, std::move(added));
}

void AsyncListener::remove(const std::string& channel) {
  require_open();
  open_->remove({channel});
}

std::vector<std::string> AsyncListener::channels() const {
  require_open();
  return open_->channels();
}

void AsyncListener::close() noexcept {
  if (open_) open_->close();
}

}  // namespace copg
