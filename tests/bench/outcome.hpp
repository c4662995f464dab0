// Runs a program of bench/ on a throw-away server.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/child_process.hpp"
#include "tools/throwaway_postgres.hpp"

namespace copg::tools {

struct Outcome {
  int status = 0;
  std::string output;
};

class BenchTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<ThrowawayPostgres>(); }
  static void TearDownTestSuite() { server_.reset(); }

  static Outcome run_program(std::vector<std::string> arguments) {
    const std::filesystem::path output = server_->socket_folder() / "output";
    std::filesystem::remove(output);
    const int status = wait_for_exit(spawn({.arguments = std::move(arguments),
                                            .environment = {{"DATABASE_URL", server_->url()}},
                                            .output = output}));
    std::ifstream file(output);
    return {status, {std::istreambuf_iterator<char>(file), {}}};
  }

 private:
  static inline std::unique_ptr<ThrowawayPostgres> server_;
};

}  // namespace copg::tools
