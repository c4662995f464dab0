// What `run` needs of the engine between two attempts. Not for users.
#pragma once

#include <chrono>
#include <memory>

#pragma GCC visibility push(default)
namespace copg {
namespace engine {
class Attempts;
class PoolEngine;
}  // namespace engine

namespace detail {

/// A transaction's body runs on this thread, in whose scope the object is.
class InsideTransaction {
 public:
  explicit InsideTransaction(const engine::PoolEngine* pool) noexcept;
  InsideTransaction(const InsideTransaction&) = delete;
  InsideTransaction& operator=(const InsideTransaction&) = delete;
  ~InsideTransaction();
  /// Throws UsageError if a body runs on this thread in a transaction of the pool.
  static void refuse_run(const engine::PoolEngine& pool);

 private:
  const engine::PoolEngine* pool_;
  InsideTransaction* outer_;
  static thread_local InsideTransaction* innermost;
};

class Repeat {
 public:
  /// UsageError unless there is at least one attempt. All of them end by `deadline`. `pool`: what counts
  /// them; null: nothing does.
  Repeat(std::shared_ptr<engine::PoolEngine> pool, int attempts,
         std::chrono::steady_clock::time_point deadline);
  Repeat(const Repeat&) = delete;
  Repeat& operator=(const Repeat&) = delete;
  ~Repeat();

  /// In a catch block, of the exception that an attempt has ended with: returns how long to wait before the
  /// next one. If there is to be none, throws the exception, which then tells of all attempts.
  std::chrono::nanoseconds pause();
  /// The same, and waits.
  void wait();

 private:
  std::shared_ptr<engine::PoolEngine> pool_;
  std::unique_ptr<engine::Attempts> attempts_;
};

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
