// The simulator is tested in two ways: on the real core it finds nothing, and each fault that is built in on
// purpose it finds, names, and shrinks to a trace that a person can read.
#include "sim/simulation.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "sim/shrink.hpp"

namespace copg::test {
namespace {

using sim::Sabotage;

struct Found {
  std::uint64_t seed = 0;
  std::string invariant;
  sim::Trace shrunken;
};

/// Of a hundred seeds the first few that fail, of these the one that does so first, with its shrunken trace.
Found find(Sabotage sabotage) {
  constexpr int few = 8;
  Found found;
  int failed = 0;
  for (std::uint64_t seed = 1; seed <= 100 && failed < few; ++seed) {
    sim::Trace trace;
    const auto result = sim::run(seed, sabotage, UINT64_MAX, &trace);
    if (!result.violation) continue;
    if (failed++ == 0 || trace.inputs.size() < found.shrunken.inputs.size())
      found = {seed, result.violation->invariant, std::move(trace)};
  }
  if (failed > 0) found.shrunken = sim::shrink(std::move(found.shrunken), sabotage);
  return found;
}

void expect_found(Sabotage sabotage, const std::vector<std::string>& invariants, std::size_t most_inputs) {
  const Found found = find(sabotage);
  ASSERT_NE(found.seed, 0U) << "no seed found it";
  EXPECT_NE(std::find(invariants.begin(), invariants.end(), found.invariant), invariants.end())
      << found.invariant;
  EXPECT_LE(found.shrunken.inputs.size(), most_inputs) << to_text(found.shrunken);
  EXPECT_TRUE(sim::replay(found.shrunken, sabotage).violation);
  EXPECT_FALSE(sim::replay(found.shrunken).violation) << "the core is at fault, not the sabotage";
}

TEST(Simulator, finds_a_grant_that_never_arrives) { expect_found(Sabotage::drop_grants, {"I3 progress"}, 8); }

TEST(Simulator, finds_a_cancel_that_the_core_did_not_hear) {
  expect_found(Sabotage::deaf_cancels,
               {"stats are a recount", "I4 one outcome", "I2 ownership", "I13 identity"}, 10);
}

TEST(Simulator, finds_a_timeout_that_nobody_is_told_of) {
  expect_found(Sabotage::skip_timeouts, {"I5 deadlines", "stats are a recount"}, 5);
}

TEST(Simulator, finds_a_dead_connection_that_is_kept) {
  expect_found(Sabotage::trust_broken,
               {"I2 ownership", "I8 recovery", "I11 limits hold", "I13 identity", "stats are a recount"}, 12);
}

TEST(Simulator, finds_a_connection_that_is_opened_twice) {
  expect_found(Sabotage::double_opens, {"I2 ownership"}, 1);
}

TEST(Simulator, finds_a_waiter_that_cuts_in) { expect_found(Sabotage::cut_in, {"I10 order"}, 16); }

TEST(Simulator, finds_a_tick_that_comes_too_late) {
  expect_found(Sabotage::oversleep, {"I5 deadlines", "I8 recovery", "I11 limits hold"}, 6);
}

TEST(Simulator, finds_a_single_allocation) { expect_found(Sabotage::allocate, {"no allocation"}, 2); }

TEST(Simulator, finds_a_run_that_is_larger_than_it_may_be) {
  expect_found(Sabotage::greedy_runs, {"S1 fair share"}, 24);
}

TEST(Simulator, finds_a_statement_behind_one_that_may_wait_for_a_lock) {
  expect_found(Sabotage::trusted_writes, {"S2 nothing behind a last", "S1 fair share"}, 10);
}

TEST(Simulator, finds_a_slow_statement_that_travels_with_others_or_takes_too_many_connections) {
  expect_found(Sabotage::mistaken_texts,
               {"S3 slow apart", "S1 fair share", "I10 order", "stats are a recount"}, 20);
}

TEST(Simulator, finds_a_statement_that_was_never_sent_and_is_lost) {
  expect_found(Sabotage::forgetful_deaths, {"I4 one outcome", "stats are a recount"}, 10);
}

TEST(Simulator, finds_an_answer_that_the_core_did_not_hear) {
  expect_found(Sabotage::deaf_answers, {"I4 one outcome", "I13 identity"}, 10);
}

TEST(Simulator, finds_a_run_that_nobody_drives) {
  expect_found(Sabotage::idle_drivers, {"I4 one outcome"}, 10);
}

TEST(Simulator, finds_a_pool_that_comes_back_slowly_although_somebody_waits) {
  expect_found(Sabotage::patient_connects, {"I8 recovery", "I3 progress"}, 6);
}

TEST(Simulator, finds_a_connect_that_hangs_and_holds_up_the_others) {
  expect_found(Sabotage::lasting_hangs, {"I8 recovery"}, 16);
}

TEST(Simulator, finds_a_request_that_waits_although_patience_with_an_outage_is_over) {
  expect_found(Sabotage::endless_patience, {"I8 recovery"}, 16);
}

TEST(Simulator, finds_a_hang_up_that_the_core_did_not_hear) {
  expect_found(Sabotage::deaf_hang_ups, {"I8 recovery", "I11 limits hold"}, 16);
}

TEST(Simulator, finds_callers_that_wait_for_each_other_for_ever) {
  expect_found(Sabotage::deaf_holders, {"I3 progress"}, 10);
}

TEST(Simulator, finds_a_request_that_waits_although_it_must_not) {
  expect_found(Sabotage::waiting_tries, {"I4 one outcome", "stats are a recount", "I13 identity"}, 4);
}

TEST(Simulator, finds_nothing_in_the_core) {
  for (std::uint64_t seed = 1000; seed < 1100; ++seed) {
    const auto result = sim::run(seed);
    ASSERT_FALSE(result.violation) << "copg-sim --seed " << seed
                                   << " --runs 1: " << result.violation->invariant << ": "
                                   << result.violation->text;
  }
}

TEST(Simulator, the_same_seed_gives_the_same_run) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const auto first = sim::run(seed);
    const auto second = sim::run(seed);
    EXPECT_EQ(first.digest, second.digest);
    EXPECT_EQ(first.inputs, second.inputs);
    EXPECT_GT(first.inputs, 50U);
  }
  EXPECT_NE(sim::run(1).digest, sim::run(2).digest);
}

TEST(Simulator, a_printed_trace_replays_as_it_was) {
  for (std::uint64_t seed = 1; seed < 10; ++seed) {
    sim::Trace trace;
    const auto result = sim::run(seed, Sabotage::none, UINT64_MAX, &trace);
    std::istringstream text(to_text(trace));
    const sim::Trace read = sim::read_trace(text);
    EXPECT_EQ(to_text(read), to_text(trace));
    EXPECT_EQ(sim::replay(read).digest, result.digest);
  }
}

TEST(Simulator, a_trace_that_cannot_be_read_is_refused_with_its_line) {
  std::istringstream text("options min_size=1\n");
  try {
    sim::read_trace(text);
    FAIL() << "it was read";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("line 1"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace copg::test
