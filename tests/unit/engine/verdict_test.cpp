// What becomes of a connection, by what was found of it.
#include "engine/verdict.hpp"

#include <gtest/gtest.h>

namespace copg::engine {
namespace {

constexpr Findings untouched{};
constexpr Findings in_transaction{.at_rest = false, .clean = false};
constexpr Findings with_settings{.clean = false};
constexpr Findings beyond_wiping{.clean = false, .beyond_wiping = true};

TEST(Verdict, of_a_lease_that_left_no_trace_is_clean_unless_every_lease_is_wiped) {
  EXPECT_EQ(after_lease(untouched, ResetMode::tracked), Disposition::clean);
  EXPECT_EQ(after_lease(untouched, ResetMode::rollback), Disposition::clean);
  EXPECT_EQ(after_lease(untouched, ResetMode::full), Disposition::needs_reset);
}

TEST(Verdict, of_a_lease_with_an_open_transaction_is_a_reset) {
  for (const ResetMode mode : {ResetMode::tracked, ResetMode::rollback, ResetMode::full})
    EXPECT_EQ(after_lease(in_transaction, mode), Disposition::needs_reset);
}

TEST(Verdict, of_a_changed_session_leaves_it_alone_where_only_transactions_are_ended) {
  EXPECT_EQ(after_lease(with_settings, ResetMode::tracked), Disposition::needs_reset);
  EXPECT_EQ(after_lease(with_settings, ResetMode::rollback), Disposition::clean);
  EXPECT_EQ(after_lease(beyond_wiping, ResetMode::rollback), Disposition::clean);
}

TEST(Verdict, of_a_session_that_no_reset_can_wipe_is_its_end) {
  EXPECT_EQ(after_lease(beyond_wiping, ResetMode::tracked), Disposition::discard);
  EXPECT_EQ(after_lease(beyond_wiping, ResetMode::full), Disposition::discard);
}

TEST(Verdict, of_a_dead_or_demoted_server_comes_before_all_else) {
  for (const ResetMode mode : {ResetMode::tracked, ResetMode::rollback, ResetMode::full}) {
    EXPECT_EQ(after_lease({.gone = true, .demoted = true, .beyond_wiping = true}, mode), Disposition::broken);
    EXPECT_EQ(after_lease({.demoted = true, .beyond_wiping = true}, mode), Disposition::demoted);
  }
}

TEST(Verdict, of_a_discarded_connection_still_tells_of_the_others) {
  EXPECT_EQ(discarded(Disposition::clean), Disposition::discard);
  EXPECT_EQ(discarded(Disposition::needs_reset), Disposition::discard);
  EXPECT_EQ(discarded(Disposition::broken), Disposition::broken);
  EXPECT_EQ(discarded(Disposition::demoted), Disposition::demoted);
}

TEST(Verdict, of_a_failed_check_ends_the_epoch_and_of_a_failed_reset_does_not) {
  EXPECT_EQ(after_check(false, false), Disposition::clean);
  EXPECT_EQ(after_check(false, true), Disposition::broken);
  EXPECT_EQ(after_check(true, false), Disposition::broken);
  EXPECT_EQ(after_reset(false, false), Disposition::clean);
  EXPECT_EQ(after_reset(false, true), Disposition::discard);
  EXPECT_EQ(after_reset(true, true), Disposition::broken);
}

TEST(Verdict, of_a_hang_up_concerns_others_if_the_server_said_so_or_nobody_watches_them) {
  EXPECT_EQ(after_hang_up(true, true), Disposition::broken);
  EXPECT_EQ(after_hang_up(true, false), Disposition::broken);
  EXPECT_EQ(after_hang_up(false, false), Disposition::broken);
  EXPECT_EQ(after_hang_up(false, true), Disposition::lost);
}

}  // namespace
}  // namespace copg::engine
