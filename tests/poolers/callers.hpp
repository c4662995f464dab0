// What the tests of the pool behind other poolers have in common: callers that know their own answers.
#pragma once

#include <gtest/gtest.h>
#include <copg/copg.hpp>

#include <atomic>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

namespace copg::test {

/// Many threads at a time, each of which expects its own rows.
inline void expect_own_rows(PooledDatabase& db, int threads, int calls) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong = 0;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 0; n < calls; ++n) {
        // Few texts, each of which is used often on each connection, and tells itself from the others.
        const std::string text = std::to_string((t + n) % 7);
        const int tag = t * calls + n;
        try {
          const auto [sent, asked] =
              db.fetch_one<std::tuple<int, std::string>>("SELECT $1::int, '" + text + "'", tag).value();
          if (sent != tag || asked != text) ++wrong;
        } catch (const std::exception& error) {
          ADD_FAILURE() << error.what();
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0) << "rows of another statement";
}

/// Many threads at a time, of whose statements each fifth fails, and no other.
inline void expect_own_errors(PooledDatabase& db, int threads, int calls) {
  std::atomic<int> failures = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < threads; ++t) {
    callers.emplace_back([&, t] {
      for (int n = 0; n < calls; ++n) {
        const bool fails = (t + n) % 5 == 0;
        try {
          EXPECT_EQ(db.fetch_val<int>("SELECT 100 / $1::int", fails ? 0 : 1), 100);
          EXPECT_FALSE(fails);
        } catch (const QueryFailed& error) {
          EXPECT_TRUE(fails) << error.what();
          ++failures;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failures, threads * calls / 5);
}

/// The warnings of a pool.
class Warnings final : public Observer {
 public:
  void warned(const event::Warned& event) noexcept override {
    const std::lock_guard lock(mutex_);
    text_ = event.text;
    ++count;
  }
  [[nodiscard]] std::string text() {
    const std::lock_guard lock(mutex_);
    return text_;
  }
  std::atomic<int> count = 0;

 private:
  std::mutex mutex_;
  std::string text_;
};

}  // namespace copg::test
