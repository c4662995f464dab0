// What an observer is told.
#include <copg/observer.hpp>

#include <gtest/gtest.h>

namespace copg {
namespace {

TEST(CloseReason, every_one_has_a_name_of_its_own) {
  EXPECT_EQ(to_string(CloseReason::idle), "idle");
  EXPECT_EQ(to_string(CloseReason::stale_epoch), "stale_epoch");
  EXPECT_EQ(to_string(CloseReason::pool_closed), "pool_closed");
}

}  // namespace
}  // namespace copg
