// A pool that is being closed, held half-way: the core has taken all connections away from their callers, and
// the background has closed the first, and not yet the next.
#pragma once

#include <gtest/gtest.h>
#include <copg/copg.hpp>

#include <atomic>
#include <functional>
#include <future>
#include <thread>
#include <utility>

#include "support/eventually.hpp"

namespace copg::test {

/// The pool's observer. Needs the lease of the first connection that was opened, and another.
class HalfClose final : public Observer {
 public:
  ~HalfClose() override { finish(); }

  /// Closes the pool half-way, on whatever thread.
  void begin(PooledDatabase& db) {
    closer_ = std::thread([&db] { db.close(std::chrono::seconds(0)); });
    EXPECT_TRUE(eventually([this] { return reached_.load(); }));
  }
  /// The same, in the call that is granted the next connection, once it has taken it; after `before`.
  void begin_at_next_grant(PooledDatabase& db, std::function<void()> before) {
    before_ = std::move(before);
    at_next_grant_ = &db;
  }
  /// Lets the rest be closed.
  void finish() {
    if (!std::exchange(finished_, true)) promise_.set_value();
    if (closer_.joinable()) closer_.join();
  }

  void acquired(const event::Acquired& /*event*/) noexcept override {
    PooledDatabase* const db = at_next_grant_.exchange(nullptr);
    if (db == nullptr) return;
    before_();
    begin(*db);
  }
  void closed(const event::Closed& /*event*/) noexcept override {
    if (!reached_.exchange(true)) may_go_on_.wait();
  }

 private:
  std::atomic<PooledDatabase*> at_next_grant_ = nullptr;
  std::function<void()> before_;
  std::atomic<bool> reached_ = false;
  std::promise<void> promise_;
  std::shared_future<void> may_go_on_ = promise_.get_future().share();
  std::thread closer_;
  bool finished_ = false;
};

}  // namespace copg::test
