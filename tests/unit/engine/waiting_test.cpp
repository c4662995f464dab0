// Waiting for what nobody will give.
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "engine/parked.hpp"
#include "engine/pool_engine.hpp"

namespace copg::engine {
namespace {

class Waiting : public testing::Test {
 protected:
  void TearDown() override { engine_->close(Duration::zero()); }

  template <class Room, class Parked>
  static void expect_forgotten(Room& room, Parked& parked) {
    try {
      room.expire(parked);
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
  Parked<Waiter> waiter;
  expect_forgotten(engine_->leases(), waiter);
  Parked<Watcher> watcher;
  expect_forgotten(*engine_, watcher);
}

TEST_F(Waiting, in_the_queue_goes_on) {
  engine_->open();
  Parked<Waiter> waiter;
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
  Parked<Watcher> watcher;
  ASSERT_FALSE(engine_->watch(watcher, Until::finished, later_));
  engine_->expire(watcher);
  EXPECT_FALSE(watcher.sleep_until(now()));
  engine_->give_up(watcher);
  expect_forgotten(*engine_, watcher);
}

TEST_F(Waiting, that_is_over_is_no_error) {
  engine_->open();
  Parked<Watcher> watcher;
  ASSERT_FALSE(engine_->watch(watcher, Until::finished, now()));
  EXPECT_TRUE(watcher.sleep_until(later_));
  engine_->expire(watcher);
}

}  // namespace
}  // namespace copg::engine
