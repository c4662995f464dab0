// Which failed attempts are followed by another.
#include "engine/calls/attempts.hpp"

#include <gtest/gtest.h>

namespace copg::engine {
namespace {

using namespace std::chrono_literals;

ErrorInfo died_of(const char* sqlstate, ErrorKind kind = ErrorKind::query_failed) {
  ErrorInfo error;
  error.kind = kind;
  error.sqlstate = SqlState(sqlstate);
  error.message = "it failed";
  return error;
}

constexpr TimePoint start{};
constexpr TimePoint never = TimePoint::max();

TEST(Attempts, are_repeated_for_serialization_failures_and_deadlocks_alone) {
  for (const char* state : {"40001", "40P01"})
    EXPECT_TRUE(Attempts(2, never, 1).pause_after(died_of(state), start)) << state;
  for (const char* state : {"40002", "40003", "23505", "25P02", "57014", "08006", "55P03"})
    EXPECT_FALSE(Attempts(2, never, 1).pause_after(died_of(state), start)) << state;
}

TEST(Attempts, are_never_repeated_when_it_is_not_certain_that_nothing_stays) {
  for (const ErrorKind kind :
       {ErrorKind::commit_unknown, ErrorKind::connection_failed, ErrorKind::query_timeout})
    EXPECT_FALSE(Attempts(9, never, 1).pause_after(died_of("40001", kind), start));
}

TEST(Attempts, are_as_many_as_were_asked_for) {
  for (const int most : {1, 2, 5}) {
    Attempts attempts(most, never, 7);
    for (int n = 1; n < most; ++n) EXPECT_TRUE(attempts.pause_after(died_of("40001"), start));
    EXPECT_FALSE(attempts.pause_after(died_of("40001"), start));
    EXPECT_EQ(attempts.failed(), most);
  }
  EXPECT_THROW(Attempts(0, never, 1), UsageError);
  EXPECT_THROW(Attempts(-1, never, 1), UsageError);
}

TEST(Attempts, pause_longer_and_longer_with_full_jitter_up_to_a_second) {
  Duration longest{};
  Duration shortest = 1h;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Attempts attempts(100, never, seed);
    Duration bound = Attempts::first_pause;
    for (int n = 1; n < 100; ++n) {
      const auto pause = attempts.pause_after(died_of("40001"), start);
      ASSERT_TRUE(pause);
      ASSERT_GE(*pause, 0ns);
      ASSERT_LE(*pause, bound);
      bound = std::min<Duration>(bound * 2, Attempts::longest_pause);
      longest = std::max(longest, *pause);
      shortest = std::min(shortest, *pause);
    }
  }
  EXPECT_GT(longest, Attempts::longest_pause * 9 / 10);
  EXPECT_LT(shortest, Attempts::first_pause / 10);
}

TEST(Attempts, end_where_the_deadline_would_pass_in_the_pause) {
  Attempts attempts(5, start + 1h, 1);
  EXPECT_TRUE(attempts.pause_after(died_of("40001"), start));
  EXPECT_FALSE(attempts.pause_after(died_of("40001"), start + 1h));
  ErrorInfo last = died_of("40001");
  attempts.tell(last);
  EXPECT_EQ(
      last.message,
      "it failed; this was attempt 2 of 5, and the deadline leaves no time for another; before it, 1: 40001: "
      "it failed");
}

TEST(Attempts, tell_what_each_has_died_of) {
  Attempts attempts(5, never, 1);
  EXPECT_TRUE(attempts.pause_after(died_of("40001"), start));
  EXPECT_TRUE(attempts.pause_after(died_of("40P01"), start));
  ErrorInfo last = died_of("23505");
  EXPECT_FALSE(attempts.pause_after(last, start));
  attempts.tell(last);
  EXPECT_EQ(last.attempts,
            (std::vector<std::string>{"40001: it failed", "40P01: it failed", "23505: it failed"}));
  EXPECT_EQ(last.message,
            "it failed; this was attempt 3 of 5; before it, 1: 40001: it failed; 2: 40P01: it failed");
}

TEST(Attempts, say_nothing_of_a_first_one_that_could_not_be_repeated) {
  Attempts attempts(5, never, 1);
  ErrorInfo last = died_of("23505");
  EXPECT_FALSE(attempts.pause_after(last, start));
  attempts.tell(last);
  EXPECT_EQ(last.message, "it failed");
}

}  // namespace
}  // namespace copg::engine
