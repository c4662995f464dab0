// Between two attempts of `run`: what has been thrown, and how long to wait.
#include <copg/detail/repeat.hpp>
#include <copg/error.hpp>

#include <exception>
#include <thread>
#include <utility>

#include "engine/calls/attempts.hpp"
#include "engine/pool_engine.hpp"
#include "engine/random_seed.hpp"

namespace copg::detail {

thread_local InsideTransaction* InsideTransaction::innermost = nullptr;

InsideTransaction::InsideTransaction(const engine::PoolEngine* pool) noexcept
    : pool_(pool), outer_(std::exchange(innermost, this)) {}

// Fibers on one thread may leave their bodies in any order.
InsideTransaction::~InsideTransaction() {
  InsideTransaction** link = &innermost;
  while (*link != nullptr && *link != this) link = &(*link)->outer_;
  if (*link == this) *link = outer_;
}

void InsideTransaction::refuse_run(const engine::PoolEngine& pool) {
  for (const InsideTransaction* inside = innermost; inside != nullptr; inside = inside->outer_) {
    if (inside->pool_ == &pool) {
      throw UsageError(
          "run inside a transaction of the same pool: it would be a transaction of its own, on another "
          "connection, and could not be undone with this one. Call it around the transaction instead");
    }
  }
}

Repeat::Repeat(std::shared_ptr<engine::PoolEngine> pool, int attempts, engine::TimePoint deadline)
    : pool_(std::move(pool)),
      attempts_(std::make_unique<engine::Attempts>(attempts, deadline, engine::random_seed())) {}

Repeat::~Repeat() = default;

std::chrono::nanoseconds Repeat::pause() {
  try {
    throw;
  } catch (const Error& error) {
    const auto pause = attempts_->pause_after(error.info(), engine::now());
    if (pause) {
      if (pool_) pool_->count_retry();
      return *pause;
    }
    // One that is told nothing of keeps its own class, which may be the user's.
    if (!attempts_->has_more_to_tell()) throw;
    ErrorInfo last = error.info();
    attempts_->tell(last);
    raise(std::move(last));
  }
}

void Repeat::wait() { std::this_thread::sleep_for(pause()); }

}  // namespace copg::detail
