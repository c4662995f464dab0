// No PostgreSQL server is installed where a test wants one.
#pragma once

#include <stdexcept>

#pragma GCC visibility push(default)
namespace copg {
namespace testing {

/// What `Server` throws where no PostgreSQL is installed. Its text says what to install. A test suite that
/// shall rather skip its tests catches it.
class PostgresNotFound : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace testing
}  // namespace copg
#pragma GCC visibility pop
