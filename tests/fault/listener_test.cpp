// Listeners on bad days: they are told that they missed something, and hear again.
#include "integration/database_test.hpp"

#include <string>
#include <variant>

#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/standby.hpp"

namespace copg::test {
namespace {

constexpr std::chrono::seconds patience = 20s;

/// Passes over what comes before the gap that is wanted.
bool hears_of_a_gap(Listener& listener) {
  while (const auto arrival = listener.next(patience)) {
    if (std::holds_alternative<Gap>(*arrival)) return true;
  }
  return false;
}

bool hears(Listener& listener, PooledDatabase& db, const std::string& payload) {
  // The pool's other connections may find out only now that the server has gone.
  EXPECT_TRUE(eventually([&] {
    try {
      db.notify("jobs", payload);
      return true;
    } catch (const ConnectionFailed&) {
      return false;
    }
  }));
  const auto arrival = listener.next(patience);
  return arrival && std::holds_alternative<Notification>(*arrival) &&
         std::get<Notification>(*arrival).payload == payload;
}

class ListenerOverARestart : public ::testing::TestWithParam<testing::StopMode> {};

TEST_P(ListenerOverARestart, is_told_of_the_gap_and_hears_again) {
  testing::ThrowawayPostgres server;
  PooledDatabase db(Config::from_url(server.url()), {.min_size = 1, .max_size = 2, .timeout = 20s});
  Listener listener = db.listener("jobs");
  ASSERT_TRUE(hears(listener, db, "before"));
  server.stop(GetParam());
  EXPECT_FALSE(listener.next(100ms)) << "a gap is told once the listener hears again, not when it begins";
  server.start();
  ASSERT_TRUE(hears_of_a_gap(listener));
  EXPECT_TRUE(hears(listener, db, "after"));
  EXPECT_EQ(db.stats().listening, 1U);
}

INSTANTIATE_TEST_SUITE_P(Modes, ListenerOverARestart,
                         ::testing::Values(testing::StopMode::fast, testing::StopMode::immediate),
                         [](const auto& mode) {
                           return mode.param == testing::StopMode::fast ? "fast" : "immediate";
                         });

TEST(ListenerOverTcp, whose_peer_resets_the_connection_is_told_of_the_gap) {
  testing::ThrowawayPostgres server;
  Gate gate(server.port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 2, .timeout = 20s});
  Listener listener = db.listener("jobs");
  ASSERT_TRUE(hears(listener, db, "before"));
  gate.reset_all();
  ASSERT_TRUE(hears_of_a_gap(listener));
  EXPECT_TRUE(hears(listener, db, "after"));
}

TEST(ListenerOverTcp, waits_for_a_peer_that_has_turned_silent_and_loses_nothing) {
  testing::ThrowawayPostgres server;
  Gate gate(server.port());
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 1, .max_size = 2, .timeout = 20s});
  PooledDatabase beside = PooledDatabase::from_url(server.url(), {.min_size = 1, .max_size = 1});
  Listener listener = db.listener("jobs");
  gate.fall_silent();
  beside.notify("jobs", "in the silence");
  EXPECT_FALSE(listener.next(100ms));
  gate.open();
  const auto arrival = listener.next(patience);
  ASSERT_TRUE(arrival && std::holds_alternative<Notification>(*arrival));
  EXPECT_EQ(std::get<Notification>(*arrival).payload, "in the silence");
}

TEST(ListenerOnAStandby, is_refused_until_that_is_promoted) {
  testing::ThrowawayPostgres primary(primary_options());
  testing::ThrowawayPostgres standby(primary_options());
  make_standby(standby, primary);
  PooledDatabase db = PooledDatabase::from_url(standby.url(), {.min_size = 1, .max_size = 2, .timeout = 20s});
  try {
    static_cast<void>(db.listener("jobs"));
    FAIL() << "a standby takes no LISTEN";
  } catch (const QueryFailed& error) {
    EXPECT_EQ(error.sqlstate(), "25006"_sqlstate) << error.what();
    EXPECT_NE(std::string(error.what()).find("LISTEN"), std::string::npos) << error.what();
  }
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  ASSERT_TRUE(db.fetch_val<bool>("SELECT pg_promote()"));
  Listener listener = db.listener("jobs");
  EXPECT_TRUE(hears(listener, db, "promoted"));
}

}  // namespace
}  // namespace copg::test
