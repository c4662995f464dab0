#include <copg/pool_view.hpp>

#include <utility>

#include "engine/pool_engine.hpp"

namespace copg {

PoolView::PoolView(const std::shared_ptr<engine::PoolEngine>& face)
    : face_(face), engine_(face->weak_from_this()), name_(face->name()) {}

bool PoolView::expired() const noexcept { return face_.expired(); }

/// Never `face_` itself: if it were the last one to go here, the pool would be closed here.
std::shared_ptr<engine::PoolEngine> PoolView::engine() const noexcept {
  return face_.expired() ? nullptr : engine_.lock();
}

PoolMetrics PoolView::metrics() const {
  if (const auto engine = this->engine()) return engine->metrics();
  PoolMetrics none;
  none.name = name_;
  return none;
}

std::vector<LeaseInfo> PoolView::leases() const {
  const auto engine = this->engine();
  return engine ? engine->holdings().leases() : std::vector<LeaseInfo>();
}

std::vector<WaiterInfo> PoolView::waiters() const {
  const auto engine = this->engine();
  return engine ? engine->holdings().waiters() : std::vector<WaiterInfo>();
}

PoolCondition PoolView::condition() const {
  if (const auto engine = this->engine()) return engine->condition();
  return {.opened = true, .closed = true};
}

void PoolView::add_observer(std::shared_ptr<Observer> observer) const {
  if (const auto engine = this->engine()) engine->events().add(std::move(observer));
}

void PoolView::remove_observer(const Observer& observer) const {
  if (const auto engine = engine_.lock()) engine->events().remove(observer);
}

}  // namespace copg
