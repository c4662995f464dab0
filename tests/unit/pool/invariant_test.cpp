// What ends a process that has lost its way.
#include "pool/invariant.hpp"

#include <gtest/gtest.h>

#include "pool/pool_core.hpp"

namespace copg::pool {
namespace {

TEST(InvariantDeathTest, that_is_violated_ends_the_process_with_its_name) {
  EXPECT_DEATH(invariant(1 > 2, "one is more than two"), "copg: violated: \"one is more than two\"");
  invariant(2 > 1, "two is more than one");
}

TEST(InvariantDeathTest, of_the_core_holds_in_release_builds_too) {
  PoolCore core({}, {});
  EXPECT_DEATH(core.cut({}), "a pool that cuts off its leases is closed");
}

}  // namespace
}  // namespace copg::pool
