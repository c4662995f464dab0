// Background: what it notices of connections by itself. It waits until a server hangs up on one of them.
#include "engine/watching.hpp"

#include <array>
#include <utility>

#include "engine/background.hpp"
#include "engine/pool_engine.hpp"

namespace copg::engine {

HangUpWatch::HangUpWatch(HangUps& hang_ups, Told told) : hang_ups_(hang_ups), told_(std::move(told)) {}

HangUpWatch::~HangUpWatch() {
  if (wait_) wait_->stop();
}

bool HangUpWatch::start(BackgroundPort& port) {
  wait_ = port.wait_until(pool::never, *this);
  return wait_->wait(hang_ups_.descriptor(), pq::Ready::read);
}

void HangUpWatch::on_ready(pq::Ready /*ready*/) {
  told_();
  // If it can't wait any more, the process is out of resources: dead connections are found as they are where
  // there is no epoll, by the look before the first byte.
  (void)wait_->wait(hang_ups_.descriptor(), pq::Ready::read);
}

/// The connection is about to be told of as open.
void Background::watch(pool::ConnectionId connection, int socket) {
  Slot& slot = slot_of(connection);
  slot.work.watched = hang_ups_.add(socket, connection);
  if (!slot.work.watched || watch_) return;
  auto watch = std::make_unique<HangUpWatch>(hang_ups_, [this, engine = engine_.lock()] { hung_up(); });
  std::shared_ptr<BackgroundPort> port;
  {
    const Locked state(shared_);
    port = port_;
    if (!port) return;
    watch_ = std::move(watch);
  }
  slot.work.watched = watch_->start(*port);
  if (!slot.work.watched) end_watch();
}

void Background::hung_up() {
  std::array<pool::ConnectionId, 64> connections{};
  while (const std::size_t count = hang_ups_.take(connections)) {
    const Locked state(shared_);
    const TimePoint time = now();
    for (std::size_t i = 0; i < count; ++i) {
      state->core->on_hung_up(time, connections[i]);
      state->dispatch();
    }
  }
}

/// Its connection is about to be closed. Where the background has ended, another thread does that, and the
/// set is left alone.
void Background::unwatch(Slot& slot) noexcept {
  if (!std::exchange(slot.work.watched, false) || !slot.connection) return;
  if (port(*Locked(shared_)) != nullptr) hang_ups_.remove(slot.connection->fd());
}

/// No connection is left, or the background has ended.
void Background::end_watch() noexcept {
  std::unique_ptr<HangUpWatch> watch;
  {
    const Locked state(shared_);
    watch = std::move(watch_);
  }
  watch.reset();
  hang_ups_.leave();
}

}  // namespace copg::engine
