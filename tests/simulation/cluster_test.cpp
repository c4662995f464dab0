// The simulator of the cluster is tested as that of the core: on the real cluster it finds nothing, and each
// fault that is built in on purpose it finds, names, and shrinks to a trace that a person can read.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "sim/cluster/simulation.hpp"

namespace copg::test {
namespace {

using sim::ClusterSabotage;

void expect_fault_found(ClusterSabotage sabotage, const std::set<std::string>& invariants,
                        std::size_t most_inputs) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    sim::ClusterTrace trace;
    const auto result = sim::run_cluster(seed, sabotage, UINT64_MAX, &trace);
    if (!result.violation || !invariants.contains(result.violation->invariant)) continue;
    if (!sim::replay_cluster(trace, sabotage).violation) continue;  // what only the world has seen
    const sim::ClusterTrace shorter = sim::shrink_cluster(std::move(trace), sabotage);
    EXPECT_LE(shorter.inputs.size(), most_inputs) << to_text(shorter);
    EXPECT_TRUE(sim::replay_cluster(shorter, sabotage).violation);
    EXPECT_FALSE(sim::replay_cluster(shorter).violation) << "the cluster is at fault, not the sabotage";
    return;
  }
  FAIL() << "no seed found it";
}

TEST(ClusterSimulator, finds_a_grant_that_never_arrives) {
  expect_fault_found(ClusterSabotage::drop_grants, {"C8 progress", "C10 one outcome"}, 8);
}
TEST(ClusterSimulator, finds_a_waiter_that_cuts_in) {
  expect_fault_found(ClusterSabotage::swap_grants, {"C7 order"}, 10);
}
TEST(ClusterSimulator, finds_a_timeout_that_nobody_is_told_of) {
  expect_fault_found(ClusterSabotage::skip_timeouts, {"C6 deadlines"}, 4);
}
TEST(ClusterSimulator, finds_a_cancel_that_the_cluster_did_not_hear) {
  expect_fault_found(ClusterSabotage::deaf_cancels, {"C10 one outcome"}, 4);
}
TEST(ClusterSimulator, finds_a_doubt_that_the_cluster_did_not_hear) {
  expect_fault_found(ClusterSabotage::deaf_doubts, {"C1 one primary", "C14 told", "C4 right host"}, 6);
}
TEST(ClusterSimulator, finds_a_token_that_is_forgotten) {
  expect_fault_found(ClusterSabotage::forget_tokens, {"C2 own writes"}, 8);
}
TEST(ClusterSimulator, finds_a_bound_of_lag_that_is_forgotten) {
  expect_fault_found(ClusterSabotage::forget_lags, {"C3 fresh"}, 8);
}
TEST(ClusterSimulator, finds_timelines_that_are_mistaken) {
  expect_fault_found(ClusterSabotage::flat_timelines, {"C13 epochs", "C14 told", "C1 one primary"}, 8);
}
TEST(ClusterSimulator, finds_servers_that_are_taken_for_one) {
  expect_fault_found(ClusterSabotage::one_instance, {"C13 epochs", "C14 told"}, 8);
}
TEST(ClusterSimulator, finds_systems_that_are_taken_for_one) {
  expect_fault_found(ClusterSabotage::one_system, {"C13 epochs", "C14 told"}, 8);
}
TEST(ClusterSimulator, finds_two_probes_of_a_host_at_a_time) {
  expect_fault_found(ClusterSabotage::double_probes, {"C12 no storm"}, 3);
}
TEST(ClusterSimulator, finds_probes_that_come_too_often) {
  expect_fault_found(ClusterSabotage::eager_probes, {"C12 no storm"}, 8);
}
TEST(ClusterSimulator, finds_an_end_of_an_epoch_that_is_not_told) {
  expect_fault_found(ClusterSabotage::mute_ends, {"C13 epochs"}, 6);
}
TEST(ClusterSimulator, finds_a_tick_that_comes_too_late) {
  expect_fault_found(ClusterSabotage::oversleep, {"C6 deadlines", "C11 found out"}, 4);
}
TEST(ClusterSimulator, finds_more_leases_than_are_allowed) {
  expect_fault_found(ClusterSabotage::no_limit, {"C9 limit"}, 12);
}
TEST(ClusterSimulator, finds_a_lease_that_is_never_given_back) {
  expect_fault_found(ClusterSabotage::lost_leases, {"C10 one outcome"}, 6);
}
TEST(ClusterSimulator, finds_a_single_allocation_in_the_cluster) {
  expect_fault_found(ClusterSabotage::allocate, {"no allocation"}, 6);
}

TEST(ClusterSimulator, finds_nothing_in_the_cluster) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const auto result = sim::run_cluster(seed);
    ASSERT_FALSE(result.violation) << "seed " << seed << ": " << result.violation->invariant << ": "
                                   << result.violation->text;
  }
}

TEST(ClusterSimulator, gives_the_same_for_the_same_seed_and_for_its_trace) {
  sim::ClusterTrace trace;
  const auto first = sim::run_cluster(7, ClusterSabotage::none, UINT64_MAX, &trace);
  EXPECT_EQ(first.digest, sim::run_cluster(7).digest);
  std::istringstream text(to_text(trace));
  const sim::ClusterTrace read = sim::read_cluster_trace(text);
  EXPECT_EQ(to_text(read), to_text(trace));
  EXPECT_EQ(sim::replay_cluster(read).digest, first.digest);
  EXPECT_EQ(sim::replay_cluster(read).inputs, first.inputs);
}

TEST(ClusterSimulator, names_the_line_of_a_trace_that_it_cannot_read) {
  std::istringstream text("tick 5\n# a comment\nacquire 7 0\n");
  try {
    sim::read_cluster_trace(text);
    FAIL() << "it was read";
  } catch (const std::invalid_argument& error) {
    EXPECT_EQ(std::string(error.what()), "line 3: a number is missing");
  }
}

}  // namespace
}  // namespace copg::test
