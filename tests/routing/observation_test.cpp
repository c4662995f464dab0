// The end of the log, as a position that a replica can reach.
#include "routing/observation.hpp"

#include <gtest/gtest.h>

namespace copg::test {
namespace {

using routing::end_of_log;

constexpr std::uint64_t block = 8192;
constexpr std::uint64_t segment = 1 << 20;

TEST(EndOfLog, is_where_the_next_record_begins) {
  EXPECT_EQ(end_of_log(segment + block + 64, block, segment), segment + block + 64);
  EXPECT_EQ(end_of_log(segment + block, block, segment), segment + block);
}

TEST(EndOfLog, is_before_the_header_of_a_page_that_holds_nothing_else) {
  EXPECT_EQ(end_of_log(segment + 3 * block + 24, block, segment), segment + 3 * block);
  EXPECT_EQ(end_of_log(7 * segment + 40, block, segment), 7 * segment);
}

TEST(EndOfLog, of_a_record_that_ends_where_a_longer_header_would_is_there) {
  EXPECT_EQ(end_of_log(segment + block + 40, block, segment), segment + block + 40);
}

}  // namespace
}  // namespace copg::test
