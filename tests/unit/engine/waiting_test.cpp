// Waiting for what nobody will give.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "engine/blocking_waiter.hpp"
#include "engine/pool_engine.hpp"

namespace copg::engine {
namespace {

class Waiting : public ::testing::Test {
 protected:
  void TearDown() override { engine_->close(Duration::zero()); }

  template <class Room, class Blocking>
  static void expect_forgotten(Room& room, Blocking& waiter) {
    try {
      room.expire(waiter);
      ADD_FAILURE() << "no error";
    } catch (const PoolTimeout& error) {
      EXPECT_NE(std::string(error.what()).find("this is a bug of copg"), std::string::npos) << error.what();
    }
  }

  const TimePoint later_ = after(now(), std::chrono::minutes(1));
  // Nothing listens there.
  const std::shared_ptr<PoolEngine> engine_ =
      PoolEngine::create({.host = "127.0.0.1", .port = 1}, {.min_size = 0}, nullptr);
};

TEST_F(Waiting, that_nobody_will_end_ends_with_an_error) {
  BlockingWaiter<Waiter> waiter;
  expect_forgotten(engine_->leases(), waiter);
  BlockingWaiter<PoolWaiter> pool_waiter;
  expect_forgotten(*engine_, pool_waiter);
}

TEST_F(Waiting, in_the_queue_goes_on) {
  engine_->open();
  BlockingWaiter<Waiter> waiter;
  Lease lease;
  ASSERT_EQ(engine_->leases().acquire(lease, waiter, now(), later_, SourceLocation::current()),
            Leases::Attempt::queued);
  engine_->leases().expire(waiter);
  EXPECT_FALSE(waiter.sleep_until(now()));
  EXPECT_FALSE(engine_->leases().give_up(lease, waiter));
  expect_forgotten(engine_->leases(), waiter);
}

TEST_F(Waiting, for_the_whole_pool_goes_on) {
  engine_->open();
  BlockingWaiter<PoolWaiter> pool_waiter;
  ASSERT_FALSE(engine_->wait_for(pool_waiter, Milestone::finished, later_));
  engine_->expire(pool_waiter);
  EXPECT_FALSE(pool_waiter.sleep_until(now()));
  engine_->give_up(pool_waiter);
  expect_forgotten(*engine_, pool_waiter);
}

TEST_F(Waiting, that_is_over_is_no_error) {
  engine_->open();
  BlockingWaiter<PoolWaiter> pool_waiter;
  ASSERT_FALSE(engine_->wait_for(pool_waiter, Milestone::finished, now()));
  EXPECT_TRUE(pool_waiter.sleep_until(later_));
  engine_->expire(pool_waiter);
}

}  // namespace
}  // namespace copg::engine
