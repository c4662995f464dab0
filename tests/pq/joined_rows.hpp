// What the tests of execute_many with joined rows have in common.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "made_rows.hpp"
#include "pq/execute_many_operation.hpp"
#include "session.hpp"

namespace copg::test {

/// What a call gave, and what it left.
struct Given {
  std::int64_t affected = -1;
  std::int64_t joined = 0;
  std::optional<ErrorInfo> error;
  bool threw = false;
};

class JoinedRows : public ::testing::Test {
 protected:
  JoinedRows() : connection(connect()) {}

  void prepare(const std::string& sql) {
    const Outcome outcome = execute(*connection, sql);
    ASSERT_FALSE(outcome.error) << sql << ": " << outcome.error->message;
  }
  std::string value(const std::string& sql) { return execute(*connection, sql).text(); }

  Given send(const std::string& sql, MadeRows rows, pq::JoinableTexts* hints,
             pq::BeginFirst begin = pq::BeginFirst::no) {
    pq::ExecuteManyOperation operation(*connection, sql, rows, begin, hints);
    run(operation, 60s);
    Given given;
    given.joined = operation.joined_statements();
    given.threw = operation.source_error() != nullptr;
    if (operation.error() == nullptr) {
      given.affected = operation.affected_rows();
    } else {
      given.error = *operation.take_error();
    }
    EXPECT_TRUE(connection->protocol_idle());
    return given;
  }
  /// Of the first and of the second call with this text, since the first has to ask.
  std::array<std::int64_t, 2> joined_by(const std::string& sql,
                                        const std::function<void(std::int64_t, Params&)>& fill,
                                        std::int64_t count = 1000) {
    std::array<std::int64_t, 2> joined{};
    for (std::int64_t& one : joined) {
      const Given given = send(sql, {count, fill}, &joinable);
      EXPECT_FALSE(given.error) << given.error->message;
      EXPECT_EQ(given.affected, count);
      one = given.joined;
    }
    return joined;
  }
  bool joins(const std::string& sql, const std::function<void(std::int64_t, Params&)>& fill = number) {
    const auto [first, second] = joined_by(sql, fill);
    EXPECT_EQ(first > 0, second > 0);
    return second > 0;
  }
  static void number(std::int64_t i, Params& row) { row.add(i); }

  std::unique_ptr<pq::Connection> connection;
  pq::JoinableTexts joinable;
};

}  // namespace copg::test
