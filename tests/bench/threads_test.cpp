// copg-bench-threads takes a turn of each kind with each contestant, and says what is wrong with its
// arguments.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tools/child_process.hpp"
#include "tools/throwaway_postgres.hpp"

namespace copg::tools {
namespace {

namespace fs = std::filesystem;

struct Outcome {
  int status = 0;
  std::string output;
};

class BenchThreads : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<ThrowawayPostgres>(); }
  static void TearDownTestSuite() { server_.reset(); }

  static Outcome run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), COPG_BENCH_THREADS);
    const fs::path output = server_->socket_folder() / "output";
    fs::remove(output);
    const int status = wait_for_exit(spawn({.arguments = std::move(arguments),
                                            .environment = {{"DATABASE_URL", server_->url()}},
                                            .output = output}));
    std::ifstream file(output);
    return {status, {std::istreambuf_iterator<char>(file), {}}};
  }
  static std::vector<std::string> contestants() {
    std::vector<std::string> all = {"fair", "lifo", "copg", "copg-unshared"};
    if (COPG_BENCH_LIBPQXX) all.emplace_back("libpqxx");
    return all;
  }

 private:
  static inline std::unique_ptr<ThrowawayPostgres> server_;
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
