// What a pool tells about itself to a program that looks on, such as a monitor, and does not keep it open.
#pragma once

#include <copg/lease_info.hpp>
#include <copg/observer.hpp>
#include <copg/pool_metrics.hpp>
#include <copg/waiter_info.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {

namespace engine {
class PoolEngine;
}  // namespace engine

/// Whether a pool can serve requests, and why not.
struct PoolCondition {
  bool opened = false;     ///< False: an AsyncPooledDatabase before `open`.
  bool suspended = false;  ///< `suspend` was called, and no `resume` after it.
  bool closed = false;     ///< `close` was called, or no pool object is left.
  /// Since the first of the connects that have failed and to which none has succeeded since; 0: the last one
  /// has succeeded, or there was none.
  std::chrono::nanoseconds outage{};
  std::string connect_error{};  ///< Of an outage: why the last connect failed. One line.
};

/// A look at a pool: PooledDatabase::view and AsyncPooledDatabase::view. A value, small. It does not keep the
/// pool open. Once no pool object is left it is `expired`: its snapshots are empty, and its pool is closed.
/// Thread-safe, except for assignment and destruction. In a forked child it looks at the child's pool; its
/// members then throw ConnectionFailed if the process can't start another thread.
class PoolView {
 public:
  /// Whether no pool object is left.
  [[nodiscard]] bool expired() const noexcept;
  /// PooledDatabase::name.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  // As the members of PooledDatabase. None of them blocks.

  [[nodiscard]] PoolMetrics metrics() const;
  [[nodiscard]] std::vector<LeaseInfo> leases() const;
  [[nodiscard]] std::vector<WaiterInfo> waiters() const;
  [[nodiscard]] PoolCondition condition() const;

  /// Tells one more observer of what happens in the pool from now on: PoolOptions::observer. It is asked once
  /// what it wants. The pool keeps it until it is taken out. Of a call that has begun before it hears
  /// nothing. Does nothing if the view is expired.
  void add_observer(std::shared_ptr<Observer> observer) const;
  /// Takes out one that was added so. Its hooks may still be running on other threads, and it hears the end
  /// of each call whose beginning it has heard. Does nothing if it is not there.
  void remove_observer(const Observer& observer) const;

  /// Whether both look at the same pool.
  friend bool operator==(const PoolView& a, const PoolView& b) noexcept {
    return !a.engine_.owner_before(b.engine_) && !b.engine_.owner_before(a.engine_);
  }

  /// Not for users. `face`: what the pool objects share.
  explicit PoolView(const std::shared_ptr<engine::PoolEngine>& face);

 private:
  [[nodiscard]] std::shared_ptr<engine::PoolEngine> engine() const noexcept;

  std::weak_ptr<engine::PoolEngine> face_;    // what closes the pool
  std::weak_ptr<engine::PoolEngine> engine_;  // what serves it
  std::string name_;
};

}  // namespace copg
#pragma GCC visibility pop
