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

#include "testing/child_process.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::tools {

struct Outcome {
  int status = 0;
  std::string output;
};

class BenchTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<testing::ThrowawayPostgres>(); }
  static void TearDownTestSuite() { server_.reset(); }

  static Outcome run_program(std::vector<std::string> arguments) {
    const std::filesystem::path output = server_->socket_folder() / "output";
    std::filesystem::remove(output);
    const int status =
        testing::wait_for_exit(testing::spawn({.arguments = std::move(arguments),
                                               .environment = {{"DATABASE_URL", server_->url()}},
                                               .output = output}));
    std::ifstream file(output);
    return {status, {std::istreambuf_iterator<char>(file), {}}};
  }

 private:
  static inline std::unique_ptr<testing::ThrowawayPostgres> server_;
};

}  // namespace copg::tools
