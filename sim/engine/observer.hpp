// An observer in the engine's simulation: what a pool tells must agree with what has happened in it. Other
// threads may go first while it is told something, and now and then it asks the pool something.
#pragma once

#include <copg/observer.hpp>
#include <copg/pool_stats.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>

#include "engine/pool_engine.hpp"
#include "sim/engine/world.hpp"

namespace copg::sim {

class CheckingObserver final : public Observer {
 public:
  void watch(engine::PoolEngine& engine) noexcept { engine_ = &engine; }
  /// In a forked child: what is open, leased or under way is the parent's.
  void forget();
  /// Nothing is under way.
  void check_counters(const PoolStats& stats);
  /// The pool is gone. `ended_early`: its background was ended before it had closed everything.
  void check_rest(bool ended_early);

  void acquired(const event::Acquired& event) noexcept override;
  void acquire_failed(const event::AcquireFailed& event) noexcept override;
  void slow_acquire(const event::SlowAcquire& event) noexcept override;
  void released(const event::Released& event) noexcept override;
  void opened(const event::Opened& event) noexcept override;
  void open_failed(const event::OpenFailed& event) noexcept override;
  void outage_began(const event::OutageBegan& event) noexcept override;
  void outage_ended(const event::OutageEnded& event) noexcept override;
  void closed(const event::Closed& event) noexcept override;
  void reset(const event::Reset& event) noexcept override;
  void gap(const event::Gap& event) noexcept override;
  std::shared_ptr<void> statement_began(const event::StatementBegan& event) noexcept override;
  void statement_ended(const event::StatementEnded& event,
                       const std::shared_ptr<void>& begun) noexcept override;
  void slow_statement(const event::SlowStatement& event) noexcept override;

 private:
  /// What is known of a connection. That it was opened may be told after what a caller does with it.
  struct Known {
    bool opened = false;
    bool closed = false;
    std::uint32_t acquired = 0;
    std::uint32_t released = 0;
  };
  struct Begun {
    std::uint32_t process;
    bool ended = false;
  };

  void told(std::chrono::nanoseconds time = {}) noexcept;
  void require(bool holds, const char* text) noexcept {
    if (!holds) world_.breaks("observer", text);
  }

  World& world_ = World::here();
  engine::PoolEngine* engine_ = nullptr;
  std::unordered_map<std::uint64_t, Known> connections_;
  std::uint64_t opened_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t resets_ = 0;
  std::uint64_t detached_ = 0;
  std::uint64_t under_way_ = 0;  // statements
  bool outage_ = false;
};

}  // namespace copg::sim
