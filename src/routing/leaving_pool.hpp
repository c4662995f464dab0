// The pool of a host that has left, until its last lease has ended.
#pragma once

#include <memory>
#include <utility>

#include "engine/background_port.hpp"
#include "engine/pool_engine.hpp"
#include "engine/pool_waiter.hpp"
#include "routing/steering.hpp"

namespace copg::routing {

class Steering::LeavingPool final : private engine::PoolWaiter {
 public:
  explicit LeavingPool(std::shared_ptr<engine::PoolEngine> pool) : pool_(std::move(pool)) {}
  LeavingPool(const LeavingPool&) = delete;
  LeavingPool& operator=(const LeavingPool&) = delete;
  /// Closes what is still open, at once; on the program's event loop it does not wait for that.
  ~LeavingPool() override {
    pool_->give_up(*this);
    if (pool_->has_own_thread()) {
      pool_->close(Duration::zero());
    } else {
      pool_->start_close(Duration::zero());
    }
  }

  [[nodiscard]] const std::shared_ptr<engine::PoolEngine>& pool() const noexcept { return pool_; }
  /// Once the pool has closed its last connection, posts `task`.
  void then(std::shared_ptr<engine::BackgroundPort> port, engine::BackgroundPort::Task task) {
    port_ = std::move(port);
    task_ = std::move(task);
    if (pool_->wait_for(*this, engine::Milestone::finished, pool::never)) port_->post(std::move(task_));
  }

 private:
  void settled(engine::Wakes& /*wakes*/) noexcept override { port_->post(std::move(task_)); }

  const std::shared_ptr<engine::PoolEngine> pool_;
  std::shared_ptr<engine::BackgroundPort> port_;
  engine::BackgroundPort::Task task_;
};

}  // namespace copg::routing
