#include "async/loop.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/system_executor.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/mends.hpp"

namespace copg::async {

/// The loops on a context of Asio, which tells them when it goes away.
class LoopService final : public asio::execution_context::service {
 public:
  using key_type = LoopService;
  static inline asio::execution_context::id id;

  explicit LoopService(asio::execution_context& context) : service(context) {}

  void add(const std::shared_ptr<Loop>& loop) {
    const std::lock_guard lock(mutex_);
    std::erase_if(known_, [](const Known& one) { return one.engine.expired() && one.loop.expired(); });
    known_.push_back({loop, loop->shared_engine()});
  }

 private:
  struct Known {
    std::weak_ptr<Loop> loop;
    // May outlive the loop, with sockets in the reactor.
    std::weak_ptr<engine::PoolEngine> engine;
  };

  /// The child's reactor has just registered the parent's descriptors, but the connections stay the parent's.
  void notify_fork(asio::execution_context::fork_event event) override {
    if (event != asio::execution_context::fork_child) return;
    const std::lock_guard lock(mutex_);
    for (const Known& one : known_) {
      if (const auto engine = one.engine.lock()) engine->take_back_descriptors(context());
    }
  }

  void shutdown() override {
    std::vector<Known> known;
    {
      const std::lock_guard lock(mutex_);
      known.swap(known_);
    }
    for (const Known& one : known) {
      if (const auto loop = one.loop.lock()) loop->shut_down();
      if (const auto engine = one.engine.lock()) {
        engine->take_back_descriptors(context());
        engine->detach(context());
      }
    }
  }

  std::mutex mutex_;
  std::vector<Known> known_;
};

std::shared_ptr<Loop> Loop::make(std::shared_ptr<engine::PoolEngine> engine, asio::any_io_executor executor) {
  if (!executor && engine) executor = engine->executor();
  if (!executor) executor = asio::system_executor();  // a closed pool's calls complete, too
  auto loop = std::make_shared<Loop>(std::move(engine), std::move(executor));
  // Makes the reactor first, so that it hears of a fork before the service does.
  const asio::posix::stream_descriptor first(loop->executor_);
  auto& context = asio::query(loop->executor_, asio::execution::context);
  asio::use_service<LoopService>(context).add(loop);
  return loop;
}

Loop::Loop(std::shared_ptr<engine::PoolEngine> engine, asio::any_io_executor executor)
    : engine_(std::move(engine)), executor_(std::move(executor)) {}

Loop::~Loop() = default;

thread_local WakeBatch* WakeBatch::here_ = nullptr;

WakeBatch::~WakeBatch() {
  here_ = outer_;
  while (next_ < end_) {
    const boost::intrusive_ptr<LoopEntry> call(calls_[next_++], false);
    loop_.wake(*call);
  }
}

void WakeBatch::proceed(bool inside) {
  here_ = outer_;
  while (next_ < end_) {
    const boost::intrusive_ptr<LoopEntry> call(calls_[next_++], false);
    call->proceed(inside);
  }
}

void Loop::keep(LoopEntry& call) {
  const std::lock_guard lock(mutex_);
  if (call.place_ == LoopEntry::Place::woken || shut_down_) return;
  if (kept_.empty()) work_ = asio::prefer(executor_, asio::execution::outstanding_work.tracked);
  call.place_ = LoopEntry::Place::kept;
  intrusive_ptr_add_ref(&call);
  kept_.push_back(call);
}

void Loop::wake(LoopEntry& call) {
  const std::lock_guard lock(mutex_);
  if (call.place_ == LoopEntry::Place::woken) return;
  if (shut_down_ && engine::stands(engine::Mend::woken_too_late)) return;
  if (call.place_ != LoopEntry::Place::kept) intrusive_ptr_add_ref(&call);
  if (WakeBatch::here_ != nullptr && WakeBatch::here_->wants(*this)) {
    if (call.place_ == LoopEntry::Place::kept) take_out(call);
    return WakeBatch::here_->add(call);
  }
  post_round();
  if (call.place_ == LoopEntry::Place::kept) take_out(call);
  call.place_ = LoopEntry::Place::woken;
  woken_.push_back(call);
}

void Loop::forget(LoopEntry& call) {
  if (call.place_ != LoopEntry::Place::kept) return;
  const std::lock_guard lock(mutex_);
  if (call.place_ != LoopEntry::Place::kept) return;
  take_out(call);
  intrusive_ptr_release(&call);  // not the last reference: the caller has another
}

void Loop::take_out(LoopEntry& call) noexcept {
  kept_.erase(List::s_iterator_to(call));
  call.place_ = LoopEntry::Place::none;
  if (kept_.empty()) work_ = {};
}

/// With the mutex held.
void Loop::post_round() {
  if (std::exchange(round_posted_, true)) return;
  asio::post(executor_, [self = shared_from_this()] { self->round(); });
}

/// Lets one batch of woken calls go on; more would keep the event loop from its other work.
void Loop::round() {
  WakeBatch batch(*this);
  {
    const std::lock_guard lock(mutex_);
    round_posted_ = false;
    while (!woken_.empty() && batch.wants(*this)) {
      LoopEntry& call = woken_.front();
      woken_.pop_front();
      call.place_ = LoopEntry::Place::none;
      batch.add(call);
    }
    if (!woken_.empty()) post_round();
  }
  batch.proceed(true);
}

void Loop::shut_down() noexcept {
  List calls;
  {
    const std::lock_guard lock(mutex_);
    shut_down_ = true;
    calls.splice(calls.end(), kept_);
    calls.splice(calls.end(), woken_);
    work_ = {};
  }
  while (!calls.empty()) {
    const boost::intrusive_ptr<LoopEntry> call(&calls.front(), false);
    calls.pop_front();
    call->abandon();
  }
}

}  // namespace copg::async
