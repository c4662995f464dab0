// A pool that turns away: who would wait goes elsewhere, and who has a connection goes on.
#include "engine/turned_away.hpp"

#include <gtest/gtest.h>
#include <copg/config.hpp>
#include <copg/connection.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "engine/closing_handle.hpp"
#include "engine/statement_kind.hpp"
#include "support/eventually.hpp"
#include "sync/call.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;
using engine::PoolEngine;
using engine::TurnedAway;

class TurnedAwayTest : public ::testing::Test {
 protected:
  static std::shared_ptr<PoolEngine> open(const PoolOptions& options) {
    static testing::ThrowawayPostgres server;
    auto pool = engine::closing_handle(
        PoolEngine::create(Config::from_url(server.url()), options, copg::detail::call_configure));
    pool->open();
    return pool;
  }
  static std::string ask(PoolEngine& pool, const std::string& text) {
    const Sql sql(text);
    const Params none;
    return std::string(sync::execute(pool, sync::CallClock(engine::TimeLimit(20s)), sql, none,
                                     engine::known_text(sql.text()))[0][0]
                           .text());
  }
  static engine::Lease lease(PoolEngine& pool) {
    sync::CallClock clock(engine::TimeLimit(20s));
    return sync::acquire(pool, clock, SourceLocation::current());
  }
};

TEST_F(TurnedAwayTest, those_who_wait_are_told_and_leases_go_on) {
  const auto pool = open({.min_size = 1, .max_size = 1, .share = false});
  engine::Lease held = lease(*pool);
  std::atomic<int> away = 0;
  std::vector<std::thread> waiting;
  for (int i = 0; i < 3; ++i) {
    waiting.emplace_back([&] {
      EXPECT_THROW(ask(*pool, "SELECT 1"), TurnedAway);
      ++away;
    });
  }
  ASSERT_TRUE(eventually([&] { return pool->stats().requests_waiting == 3; }));
  pool->set_turns_away(true);
  for (std::thread& thread : waiting) thread.join();
  EXPECT_EQ(away, 3);
  std::thread late([&] { EXPECT_THROW(ask(*pool, "SELECT 1"), TurnedAway); });
  late.join();
  EXPECT_EQ(pool->stats().requests_waiting, 0U);
  const Params none;
  EXPECT_EQ(sync::call(*pool, held, sync::CallClock(engine::TimeLimit(20s)),
                       engine::ExecuteJob{"SELECT 7", none, {}}, {})[0][0]
                .text(),
            "7");
  pool->leases().release(held);
  pool->set_turns_away(false);
  EXPECT_EQ(ask(*pool, "SELECT 2"), "2");
}

TEST_F(TurnedAwayTest, those_who_wait_now_are_told_once) {
  const auto pool = open({.min_size = 1, .max_size = 1, .share = false});
  engine::Lease held = lease(*pool);
  std::thread first([&] { EXPECT_THROW(ask(*pool, "SELECT 1"), TurnedAway); });
  ASSERT_TRUE(eventually([&] { return pool->stats().requests_waiting == 1; }));
  pool->turn_away_waiters();
  first.join();
  std::thread second([&] { EXPECT_EQ(ask(*pool, "SELECT 1"), "1"); });
  ASSERT_TRUE(eventually([&] { return pool->stats().requests_waiting == 1; }));
  pool->leases().release(held);
  second.join();
}

TEST_F(TurnedAwayTest, statements_that_travel_with_others_are_not_torn_out) {
  const auto pool = open({.min_size = 1, .max_size = 1});
  constexpr int callers = 8;
  std::atomic<int> answered = 0;
  std::atomic<int> away = 0;
  std::atomic<bool> over = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        try {
          EXPECT_EQ(ask(*pool, "SELECT 3"), "3");
          ++answered;
        } catch (const TurnedAway&) {
          ++away;
        }
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    const int before = answered;
    pool->turn_away_waiters();
    ASSERT_TRUE(eventually([&] { return answered > before + callers; }));
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(away, 0);
  EXPECT_GT(pool->stats().statements_shared, 0U);
}

TEST_F(TurnedAwayTest, a_closed_pool_that_turned_away_sends_its_callers_elsewhere) {
  const auto pool = open({.min_size = 1, .max_size = 1});
  EXPECT_EQ(ask(*pool, "SELECT 1"), "1");
  pool->set_turns_away(true);
  pool->start_close(engine::Duration::zero());
  EXPECT_THROW(ask(*pool, "SELECT 1"), TurnedAway);
}

}  // namespace
}  // namespace copg::test
