// Threads at the gate in front of Python's global lock.
#include "python/native/gil_gate.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace copg::python {
namespace {

class GilGates : public ::testing::Test {
 protected:
  /// On a slow machine, too, it does not open by itself.
  explicit GilGates(engine::Duration judged = std::chrono::hours(1)) : gate_(judged) {}
  ~GilGates() override {
    for (std::thread& thread : threads_) thread.join();
  }

  /// A thread that goes inside, or sleeps at the gate, by the time that this returns.
  void comes() {
    const int before = gate_.sleepers() + inside_;
    threads_.emplace_back([this] {
      gate_.enter();
      const std::lock_guard lock(mutex_);
      order_.push_back(std::this_thread::get_id());
      ++inside_;
    });
    while (gate_.sleepers() + inside_ == before) std::this_thread::yield();
  }
  void leaves() {
    --inside_;
    gate_.leave();
  }
  void until_inside(int count) const {
    while (inside_ != count) std::this_thread::yield();
  }

  GilGate gate_;
  std::atomic<int> inside_ = 0;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::vector<std::thread::id> order_;
};

TEST_F(GilGates, let_a_few_in_and_then_one_for_each_that_leaves) {
  for (int i = 0; i < static_cast<int>(GilGate::places); ++i) comes();
  EXPECT_EQ(inside_, static_cast<int>(GilGate::places));
  comes();
  comes();
  EXPECT_EQ(gate_.sleepers(), 2);
  leaves();
  until_inside(static_cast<int>(GilGate::places));
  EXPECT_EQ(gate_.sleepers(), 1);
  leaves();
  until_inside(static_cast<int>(GilGate::places));
  EXPECT_EQ(gate_.sleepers(), 0);
}

TEST_F(GilGates, let_sleepers_in_as_they_came) {
  for (int i = 0; i < static_cast<int>(GilGate::places) + 6; ++i) comes();
  for (int i = 0; i < 6; ++i) {
    leaves();
    until_inside(static_cast<int>(GilGate::places));
  }
  const std::lock_guard lock(mutex_);
  for (std::size_t i = GilGate::places; i < order_.size(); ++i) EXPECT_EQ(order_[i], threads_[i].get_id());
}

class QuicklyJudged : public GilGates {
 protected:
  QuicklyJudged() : GilGates(engine::Duration(1)) {}
};

TEST_F(QuicklyJudged, let_all_in_where_few_pass) {
  for (int i = 0; i < static_cast<int>(GilGate::places) + 6; ++i) comes();
  leaves();
  until_inside(static_cast<int>(GilGate::places) + 5);
  EXPECT_EQ(gate_.sleepers(), 0);
}

TEST_F(GilGates, know_nothing_of_who_was_there_before_a_fork) {
  for (int i = 0; i < static_cast<int>(GilGate::places); ++i) comes();
  gate_.forget_all();
  inside_ = 0;
  comes();
  EXPECT_EQ(gate_.sleepers(), 0);
  EXPECT_EQ(inside_, 1);
}

TEST(GilGate, never_loses_a_thread) {
  GilGate gate;
  std::mutex lock;  // Python's
  std::atomic<int> passed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 32; ++i)
    threads.emplace_back([&] {
      for (int round = 0; round < 200; ++round) {
        gate.enter();
        lock.lock();
        gate.leave();
        ++passed;
        lock.unlock();
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(passed, 32 * 200);
  EXPECT_EQ(gate.sleepers(), 0);
}

}  // namespace
}  // namespace copg::python
