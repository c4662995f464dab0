// copg-bench-rows reads the same rows with each contestant, and says what is wrong with its arguments.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "bench/outcome.hpp"

namespace copg::tools {
namespace {

class BenchRows : public BenchTest {
 protected:
  static Outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), COPG_BENCH_ROWS);
    return run_program(std::move(arguments));
  }
};

TEST_F(BenchRows, contestants_agree_on_every_row_and_are_measured) {
  for (const char* mix : {"plain", "dated"}) {
    const Outcome contest = run({mix, "1"});
    EXPECT_EQ(contest.status, 0) << contest.output;
    for (const std::string contestant : {"unread", "by-hand", "copg"}) {
      EXPECT_NE(contest.output.find(contestant + " "), std::string::npos) << contest.output;
    }
    EXPECT_EQ(contest.output.find("libpqxx ") != std::string::npos, COPG_BENCH_LIBPQXX != 0)
        << contest.output;
  }
}

TEST_F(BenchRows, one_contestant_reads_alone_and_says_nothing) {
  const Outcome alone = run({"dated", "copg", "2"});
  EXPECT_EQ(alone.status, 0) << alone.output;
  EXPECT_EQ(alone.output, "");
}

TEST_F(BenchRows, wrong_usage_exits_with_2) {
  EXPECT_EQ(run({}).status, 2);
  EXPECT_EQ(run({"neither"}).status, 2);
  EXPECT_EQ(run({"plain", "0"}).status, 2);
  EXPECT_EQ(run({"plain", "nobody", "1"}).status, 2);
  EXPECT_EQ(run({"plain", "copg", "0"}).status, 2);
  EXPECT_EQ(run({"--help"}).status, 0);
}

}  // namespace
}  // namespace copg::tools
