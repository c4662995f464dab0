// The simulator of the engine is tested as that of the core: in the engine it finds nothing, and of each race
// that was mended it finds the race again where the mend is taken out.
#include "sim/engine/simulation.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <optional>
#include <set>
#include <string>

// A forked child leaves what is its parent's where it is. NOLINTNEXTLINE(bugprone-reserved-identifier)
extern "C" [[gnu::visibility("default")]] const char* __asan_default_options() { return "detect_leaks=0"; }

namespace copg::test {
namespace {

using engine::Mend;

/// The rule that was broken, in a process of its own: some races end it ("crash"). Empty: none.
std::string broken_by(const sim::EngineTrace& trace, std::optional<Mend> removed = {}) {
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const auto result = sim::run_engine(trace, removed);
    const std::string rule = result.broken ? result.broken->rule : "";
    _exit(write(pipe_ends[1], rule.data(), rule.size()) == static_cast<ssize_t>(rule.size()) ? 0 : 1);
  }
  close(pipe_ends[1]);
  std::array<char, 64> rule{};
  const ssize_t size = read(pipe_ends[0], rule.data(), rule.size());
  close(pipe_ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0
             ? std::string(rule.data(), static_cast<std::size_t>(size))
             : "crash";
}

void expect_found(Mend removed, const std::set<std::string>& rules, std::uint64_t seed,
                  std::size_t most_inputs, sim::EngineParts parts = {}) {
  const sim::EngineTrace trace = sim::engine_trace(seed, parts);
  const std::string rule = broken_by(trace, removed);
  ASSERT_TRUE(rules.contains(rule)) << '"' << rule << '"';
  const auto fails = [&](const sim::EngineTrace& other) { return broken_by(other, removed) == rule; };
  const sim::EngineTrace shorter = sim::shrink_engine(trace, fails);
  EXPECT_LE(shorter.steps.size(), most_inputs) << to_text(shorter);
  EXPECT_EQ(broken_by(shorter), "") << "the engine is at fault, not the mend";
}

TEST(EngineSimulator, finds_a_connection_that_a_cancelled_call_keeps) {
  expect_found(Mend::cancelled_after_grant, {"conserved", "crash"}, 80, 12);
}

TEST(EngineSimulator, finds_a_call_that_was_woken_before_it_had_come_to_rest) {
  expect_found(Mend::woken_before_rest, {"stuck"}, 95, 12);
}

TEST(EngineSimulator, finds_a_statement_that_was_sent_for_a_call_that_asked_for_no_effect) {
  expect_found(Mend::sent_with_others, {"effect"}, 1208, 30);
}

TEST(EngineSimulator, finds_bounds_that_a_fork_has_lost) {
  expect_found(Mend::bounds_after_fork, {"bounds"}, 286, 6);
}

TEST(EngineSimulator, finds_a_deadline_that_came_while_a_call_was_in_a_step) {
  expect_found(Mend::stopped_in_step, {"deadline"}, 199177, 30);
}

TEST(EngineSimulator, finds_a_close_before_the_first_byte_on_a_dead_connection) {
  expect_found(Mend::closed_and_dead, {"crash"}, 2915, 30);
}

TEST(EngineSimulator, finds_a_run_that_a_driver_has_left_before_it_began) {
  expect_found(Mend::left_before_run, {"answer", "crash"}, 7281, 60);
}

TEST(EngineSimulator, finds_a_question_to_a_connection_that_close_has_taken) {
  expect_found(Mend::asked_inside, {"crash"}, 77, 30);
}

// Found by the simulator.

TEST(EngineSimulator, finds_a_caller_that_waits_for_a_background_that_has_ended) {
  expect_found(Mend::background_ended, {"stuck"}, 8080, 40);
}

TEST(EngineSimulator, finds_a_background_that_close_has_ended_in_the_middle_of_something) {
  expect_found(Mend::background_late, {"closed"}, 104001, 60);
}

TEST(EngineSimulator, finds_a_lost_statement_whose_deadline_has_passed) {
  expect_found(Mend::late_in_queue, {"effect"}, 533010, 60);
}

TEST(EngineSimulator, finds_a_lost_statement_that_was_to_drive_the_others) {
  expect_found(Mend::lost_after_grant, {"effect"}, 269520, 60);
}

TEST(EngineSimulator, finds_a_statement_that_is_late_when_its_run_is_cut_off) {
  expect_found(Mend::lost_and_late, {"crash"}, 699, 80);
}

TEST(EngineSimulator, finds_a_lease_whose_end_observers_are_told_and_not_its_beginning) {
  expect_found(Mend::untold_lease, {"observer"}, 27, 12, {sim::EnginePart::observers});
}

TEST(EngineSimulator, finds_a_late_statement_that_observers_are_told_of_without_its_connection) {
  expect_found(Mend::late_passenger, {"observer"}, 97, 40, {sim::EnginePart::observers});
}

TEST(EngineSimulator, finds_a_loan_that_is_exchanged_for_another_connection) {
  expect_found(Mend::loan_that_died, {"hooks"}, 2, 60, {sim::EnginePart::observers, sim::EnginePart::hooks});
}

TEST(EngineSimulator, finds_a_notification_that_is_heard_before_the_gap_in_front_of_it) {
  expect_found(Mend::heard_before_gap, {"listener"}, 1058, 80, {sim::EnginePart::listeners});
}

TEST(EngineSimulator, finds_a_call_that_is_woken_after_its_event_loop_has_gone_away) {
  expect_found(Mend::woken_too_late, {"crash", "loop"}, 26, 40, {sim::EnginePart::asio});
}

TEST(EngineSimulator, finds_nothing_in_the_engine) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    const auto result = sim::run_engine(sim::engine_trace(seed));
    ASSERT_FALSE(result.broken) << "seed " << seed << ": " << result.broken->rule << ": "
                                << result.broken->text;
  }
}

TEST(EngineSimulator, gives_the_same_for_the_same_seed) {
  const auto trace = sim::engine_trace(7);
  EXPECT_EQ(sim::run_engine(trace).digest, sim::run_engine(trace).digest);
  EXPECT_EQ(sim::to_text(trace), sim::to_text(sim::engine_trace(7)));
}

}  // namespace
}  // namespace copg::test
