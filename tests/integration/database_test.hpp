// What the tests of the pool against a real server have in common: one server for a program, a pool for a
// test.
#pragma once

#include <gtest/gtest.h>
#include <copg/copg.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "support/eventually.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

using namespace std::chrono_literals;

class DatabaseTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    if (!server_) server_ = std::make_unique<testing::ThrowawayPostgres>();
  }
  static void TearDownTestSuite() { server_.reset(); }

  [[nodiscard]] static testing::ThrowawayPostgres& server() { return *server_; }
  [[nodiscard]] static Config config() { return Config::from_url(server_->url()); }
  [[nodiscard]] static PooledDatabase open(PoolOptions options = {}) {
    if (options.timeout == PoolOptions{}.timeout) options.timeout = 20s;
    return PooledDatabase(config(), std::move(options));
  }

 private:
  static inline std::unique_ptr<testing::ThrowawayPostgres> server_;
};

/// The info of the error that `body` throws. Fails the test when it throws no E.
template <class E>
ErrorInfo error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const E& error) {
    return error.info();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error: " << error.what();
    return {};
  }
  ADD_FAILURE() << "no error";
  return {};
}

}  // namespace copg::test
