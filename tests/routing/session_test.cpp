// Reads on replicas see what the same session has written.
#include <gtest/gtest.h>
#include <copg/copg.hpp>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/eventually.hpp"
#include "support/replicas.hpp"

namespace copg::test {
namespace {

using namespace std::chrono_literals;

TEST(WriteTokens, travel_as_text) {
  const WriteToken token{.system = 7301234567890123456, .timeline = 3, .position = 0x1200000ABC};
  EXPECT_EQ(token.to_string(), "7301234567890123456-3-12/ABC");
  EXPECT_EQ(WriteToken::from_string(token.to_string()), token);
  for (const char* text : {"", "7", "7-1", "7-1-", "7-1-0", "7-1-/1", "7-1-0/", "0-1-0/1", "7-0-0/1",
                           "7-1-0/1x", "7-1-0/100000000", " 7-1-0/1", "7--1-0/1"})
    EXPECT_THROW(static_cast<void>(WriteToken::from_string(text)), UsageError) << text;
}

TEST(WriteTokens, of_a_newer_timeline_are_later) {
  const WriteToken first{.system = 7, .timeline = 1, .position = 200};
  const WriteToken newer{.system = 7, .timeline = 2, .position = 100};
  const WriteToken further{.system = 7, .timeline = 1, .position = 300};
  const WriteToken other{.system = 8, .timeline = 1, .position = 1};
  EXPECT_EQ(later_of(first, newer), newer);
  EXPECT_EQ(later_of(newer, first), newer);
  EXPECT_EQ(later_of(further, first), further);
  EXPECT_EQ(later_of(first, other), other);
}

class Sessions : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    made = std::make_unique<Replicas>(1);
    made->ask(0, "CREATE TABLE counters (id int PRIMARY KEY, n int NOT NULL DEFAULT 0)");
  }
  static void TearDownTestSuite() { made.reset(); }
  /// The replica stops replaying. The destructor lets it go on.
  struct Paused {
    explicit Paused(Replicas& of) : servers(of) { servers.ask(1, "SELECT pg_wal_replay_pause()"); }
    Paused(const Paused&) = delete;
    Paused& operator=(const Paused&) = delete;
    ~Paused() { servers.ask(1, "SELECT pg_wal_replay_resume()"); }
    Replicas& servers;
  };
  [[nodiscard]] PooledDatabase open(int max_size = 4) const {
    return PooledDatabase::from_url(
        "postgresql://postgres@127.0.0.1:" + std::to_string(servers.gate(0).port()) +
            ",127.0.0.1:" + std::to_string(servers.gate(1).port()) + "/postgres?sslmode=disable",
        {.min_size = 1, .max_size = max_size, .timeout = 20s});
  }
  static int count(DatabaseOn there, int id) {
    return there.fetch_val<int>("SELECT coalesce(max(n), -1) FROM counters WHERE id = $1", id);
  }

  static std::unique_ptr<Replicas> made;  // NOLINT
  Replicas& servers = *made;
};
std::unique_ptr<Replicas> Sessions::made;

constexpr RoleOptions or_fail{.if_unfit = copg::IfUnfit::fail};
constexpr RoleOptions or_primary{.if_unfit = copg::IfUnfit::primary};
constexpr const char* port_there = "SELECT current_setting('port')::int";

TEST_F(Sessions, that_wrote_nothing_ask_for_nothing) {
  PooledDatabase db = open();
  Session mine = db.session();
  EXPECT_EQ(mine.token(), std::nullopt);
  const Paused paused(servers);
  EXPECT_EQ(mine.on(copg::Role::replica).fetch_val<int>(port_there), servers.server(1).port());
}

TEST_F(Sessions, do_not_read_a_replica_that_has_not_replayed_what_they_wrote) {
  PooledDatabase db = open();
  db.execute("INSERT INTO counters VALUES (1, 1)");
  ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
  Session mine = db.session();
  Session other = db.session();
  {
    const Paused paused(servers);
    mine.execute("UPDATE counters SET n = 2 WHERE id = 1");
    EXPECT_EQ(count(other.on(copg::Role::replica, or_fail), 1), 1);
    EXPECT_THROW(count(mine.on(copg::Role::replica, or_fail), 1), PoolTimeout);
    EXPECT_EQ(count(mine.on(copg::Role::replica, or_primary), 1), 2);
    EXPECT_EQ(count(mine.on(copg::Role::any), 1), 2);
    other.follow(WriteToken::from_string(mine.token()->to_string()));
    EXPECT_THROW(count(other.on(copg::Role::replica, or_fail), 1), PoolTimeout);
    EXPECT_THROW(
        count(db.on(copg::Role::replica, {.if_unfit = copg::IfUnfit::fail, .after = mine.token()}), 1),
        PoolTimeout);
  }
  EXPECT_EQ(count(mine.on(copg::Role::replica), 1), 2);
  EXPECT_EQ(count(other.on(copg::Role::replica), 1), 2);
}

TEST_F(Sessions, remember_what_each_verb_writes) {
  PooledDatabase db = open();
  db.execute("INSERT INTO counters VALUES (2, 0)");
  const auto is_seen = [&](int n, auto write) {
    ASSERT_TRUE(eventually([&] { return servers.has_all_of(1, 0); }));
    Session mine = db.session();
    const Paused paused(servers);
    write(mine);
    EXPECT_THROW(count(mine.on(copg::Role::replica, or_fail), 2), PoolTimeout) << n;
    EXPECT_EQ(count(mine.on(copg::Role::replica, or_primary), 2), n);
  };
  struct Row {
    int n;
  };
  const Sql set = "UPDATE counters SET n = $1 WHERE id = 2 RETURNING n";
  is_seen(1, [&](Session& mine) { mine.execute(set, 1); });
  is_seen(2,
          [&](Session& mine) { EXPECT_EQ(mine.fetch_val<int>(set, 2), 2); });  // asks for the columns first
  is_seen(3, [&](Session& mine) { EXPECT_EQ(mine.fetch_val<int>(set, 3), 3); });
  is_seen(4, [&](Session& mine) { EXPECT_EQ(mine.fetch_one<Row>(set, 4)->n, 4); });
  is_seen(5, [&](Session& mine) { mine.execute("UPDATE counters SET n = 0; UPDATE counters SET n = 5"); });
  is_seen(6, [&](Session& mine) { mine.execute_many(set, std::vector<int>{1, 6}); });
  is_seen(7, [&](Session& mine) {
    EXPECT_EQ(mine.execute_many_returning<int>(set, std::vector<int>{7}), std::vector<int>{7});
  });
  is_seen(8, [&](Session& mine) {
    EXPECT_TRUE(mine.execute(Pipeline().add(set, 0).add(set, 8))[1].has_value());
  });
  is_seen(9, [&](Session& mine) { mine.execute_all(Pipeline().add(set, 9)); });
  is_seen(10, [&](Session& mine) { mine.transaction([&](Connection& tx) { tx.execute(set, 10); }); });
  is_seen(10, [&](Session& mine) {
    mine.execute("DELETE FROM counters WHERE id = 3");
    mine.copy_in({"counters", {"id", "n"}}, std::vector<std::tuple<int, int>>{{3, 1}});
  });
  is_seen(11, [&](Session& mine) {
    mine.execute(set, 11);
    EXPECT_THROW(mine.execute("SELECT 1 / 0"), QueryFailed);
  });
}

TEST_F(Sessions, survive_a_statement_whose_plan_is_refused) {
  PooledDatabase db = open(1);
  Session mine = db.session();
  mine.execute("DROP TABLE IF EXISTS shapes");
  mine.execute("CREATE TABLE shapes (a int)");
  mine.execute("INSERT INTO shapes VALUES (1)");
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(mine.execute("UPDATE shapes SET a = a + 1 RETURNING *").columns(), 1U);
  db.on(copg::Role::primary).execute("ALTER TABLE shapes ADD COLUMN b int");
  EXPECT_EQ(mine.execute("UPDATE shapes SET a = a + 1 RETURNING *").columns(), 2U);
  ASSERT_TRUE(mine.token());
  EXPECT_EQ(mine.on(copg::Role::replica).fetch_val<int>("SELECT a FROM shapes"), 5);
}

TEST_F(Sessions, cost_no_round_trip_of_their_own_for_a_statement) {
  PooledDatabase db = open(1);
  Session mine = db.session();
  mine.execute("INSERT INTO counters VALUES (4, 0)");
  const std::optional<WriteToken> first = mine.token();
  mine.execute("UPDATE counters SET n = n + 1 WHERE id = 4");
  {
    db.suspend();  // the primary can't be asked now
    const std::optional<WriteToken> second = mine.token();
    ASSERT_TRUE(first && second);
    EXPECT_LT(first->position, second->position);
    db.resume();
  }
}

TEST_F(Sessions, of_another_system_are_refused) {
  PooledDatabase db = open();
  Session mine = db.session();
  mine.follow({.system = 1, .timeline = 1, .position = 1});
  EXPECT_THROW(count(mine.on(copg::Role::replica), 1), UsageError);
  EXPECT_THROW(mine.follow({}), UsageError);
  EXPECT_THROW(static_cast<void>(db.on(copg::Role::replica, {.after = WriteToken{}})), UsageError);
}

TEST_F(Sessions, of_one_host_have_nothing_to_remember) {
  PooledDatabase db =
      PooledDatabase::from_url("postgresql://postgres@127.0.0.1:" + std::to_string(servers.gate(0).port()) +
                                   "/postgres?sslmode=disable",
                               {.min_size = 1, .max_size = 1, .timeout = 20s});
  Session mine = db.session();
  EXPECT_EQ(mine.fetch_val<int>("INSERT INTO counters VALUES (5, 5) RETURNING n"), 5);
  EXPECT_EQ(mine.token(), std::nullopt);
  EXPECT_EQ(count(mine.on(copg::Role::any), 5), 5);
  EXPECT_THROW(static_cast<void>(mine.on(copg::Role::replica)), UsageError);
}

/// Threads that write and read at once. COPG_READS: how many reads.
TEST_F(Sessions, never_read_what_is_older_than_what_they_wrote) {
  const char* const wanted = std::getenv("COPG_READS");  // NOLINT(concurrency-mt-unsafe)
  const int reads = wanted != nullptr ? std::atoi(wanted) : 400;
  constexpr int threads = 16;
  PooledDatabase db = open(threads);
  std::atomic<int> stale = 0;
  std::atomic<int> on_replica = 0;
  std::atomic<int> left = reads;
  std::vector<std::thread> users;
  for (int user = 0; user < threads; ++user) {
    users.emplace_back([&, user] {
      const int id = 100 + user;
      Session mine = db.session();
      mine.execute("INSERT INTO counters VALUES ($1, 0)", id);
      const RoleOptions options{.if_unfit = user % 2 == 0 ? copg::IfUnfit::wait : copg::IfUnfit::primary,
                                .patience = std::chrono::milliseconds(user)};
      for (int n = 1; left.fetch_sub(1) > 0; ++n) {
        mine.execute("UPDATE counters SET n = $2 WHERE id = $1", id, n);
        const auto [seen, replica] = mine.on(user % 3 == 0 ? copg::Role::any : copg::Role::replica, options)
                                         .fetch_one<std::tuple<int, bool>>(
                                             "SELECT n, pg_is_in_recovery() FROM counters WHERE id = $1", id)
                                         .value_or(std::tuple(-1, false));
        if (seen != n) ++stale;
        if (replica) ++on_replica;
      }
    });
  }
  for (std::thread& user : users) user.join();
  EXPECT_EQ(stale, 0);
  EXPECT_GT(on_replica, reads / 10);
}

}  // namespace
}  // namespace copg::test
