// copg-bench-threads takes a turn of each kind with each contestant, and says what is wrong with its
// arguments.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "bench/outcome.hpp"

namespace copg::tools {
namespace {

class BenchThreads : public BenchTest {
 protected:
  static Outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), COPG_BENCH_THREADS);
    return run_program(std::move(arguments));
  }
  static std::vector<std::string> contestants() {
    std::vector<std::string> all = {"fair", "lifo", "copg", "copg-unshared"};
    if (COPG_BENCH_LIBPQXX) all.emplace_back("libpqxx");
    return all;
  }
};

TEST_F(BenchThreads, every_contestant_takes_a_turn_of_every_kind) {
  for (const std::string& contestant : contestants()) {
    for (const char* work : {"select", "lease-select", "transaction", "lease", "bursts"}) {
      const Outcome turn = run({contestant, "2", "SELECT $1::int, 'user'", work, "5", "0.2"});
      EXPECT_EQ(turn.status, 0) << contestant << ", " << work << ": " << turn.output;
      const std::string count = R"({"count":)";
      ASSERT_TRUE(turn.output.starts_with(count)) << turn.output;
      EXPECT_GT(std::atol(turn.output.c_str() + count.size()), 0) << turn.output;
    }
  }
}

TEST_F(BenchThreads, an_answer_with_another_row_ends_the_program) {
  for (const std::string& contestant : contestants()) {
    const Outcome turn = run({contestant, "2", "SELECT $1::int + 1", "select", "5", "0.2"});
    EXPECT_EQ(turn.status, 1) << contestant;
    EXPECT_NE(turn.output.find("wrong row"), std::string::npos) << turn.output;
  }
}

TEST_F(BenchThreads, wrong_usage_exits_with_2) {
  EXPECT_EQ(run({}).status, 2);
  EXPECT_EQ(run({"nobody", "2", "SELECT $1::int", "select", "5", "0.2"}).status, 2);
  EXPECT_EQ(run({"copg", "0", "SELECT $1::int", "select", "5", "0.2"}).status, 2);
  EXPECT_EQ(run({"copg", "2", "SELECT $1::int", "nothing", "5", "0.2"}).status, 2);
  EXPECT_EQ(run({"copg", "2", "SELECT $1::int", "select", "0", "0.2"}).status, 2);
  EXPECT_EQ(run({"--help"}).status, 0);
}

}  // namespace
}  // namespace copg::tools
