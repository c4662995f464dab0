// COMMIT's answer is lost, and another connection tells whether it happened.
#include "integration/database_test.hpp"

#include <atomic>
#include <future>
#include <iostream>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

/// A COMMIT has happened on the server before it is answered: it waits for a standby that does not exist.
class LostCommit : public ::testing::Test {
 protected:
  void SetUp() override {
    db_ = std::make_unique<PooledDatabase>(
        Config::from_url(server_.url()),
        PoolOptions{.min_size = 1, .max_size = 1, .timeout = 20s, .resolve_commits = ResolveCommits::always});
    Config not_waiting = Config::from_url(server_.url());
    not_waiting.options["options"] = "-c synchronous_commit=local";
    admin_ = std::make_unique<PooledDatabase>(not_waiting, PoolOptions{.min_size = 1, .max_size = 1});
    admin_->execute("CREATE TABLE kept (a int)");
  }
  /// Each row that is inserted is checked at COMMIT, for a minute.
  void commits_check_slowly() {
    admin_->execute(
        "CREATE FUNCTION check_slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); "
        "RETURN NULL; END $$; CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON kept DEFERRABLE INITIALLY "
        "DEFERRED FOR EACH ROW EXECUTE FUNCTION check_slowly()");
  }
  void await_commit() {
    ASSERT_TRUE(eventually([&] {
      return admin_->fetch_val<bool>(
          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active')");
    }));
  }
  void terminate(int pid) { admin_->execute("SELECT pg_terminate_backend($1)", pid); }
  void terminate_committing() {
    admin_->execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'");
  }
  std::int64_t kept() { return admin_->fetch_val<std::int64_t>("SELECT count(*) FROM kept"); }
  /// Inserts a row and commits, while `meanwhile(pid)` runs once COMMIT is on its way.
  template <class Meanwhile>
  void insert_and_commit(Connection& conn, Meanwhile meanwhile) {
    conn.execute("INSERT INTO kept VALUES (1)");
    const int pid = conn.backend_pid();
    const auto other = std::async(std::launch::async, [&] {
      await_commit();
      meanwhile(pid);
    });
    conn.commit();
  }
  PooledDatabase& db() { return *db_; }
  testing::ThrowawayPostgres& server() { return server_; }

 private:
  testing::ThrowawayPostgres server_{
      {.settings = {{"synchronous_commit", "on"}, {"synchronous_standby_names", "nobody"}}}};
  std::unique_ptr<PooledDatabase> db_;
  std::unique_ptr<PooledDatabase> admin_;
};

TEST_F(LostCommit, that_has_happened_succeeds_and_the_lease_is_over) {
  Connection conn = db().connection();
  EXPECT_NO_THROW(insert_and_commit(conn, [&](int pid) { terminate(pid); }));
  EXPECT_EQ(kept(), 1);
  EXPECT_TRUE(conn.closed()) << "the session in which it began is gone";
  EXPECT_THROW(conn.execute("SELECT 1"), UsageError);
  EXPECT_EQ(db().fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db().stats().leased, 0U);
}

TEST_F(LostCommit, that_was_rolled_back_is_a_connection_failed_that_says_so) {
  commits_check_slowly();
  Connection conn = db().connection();
  try {
    insert_and_commit(conn, [&](int pid) { terminate(pid); });
    FAIL() << "it was not committed";
  } catch (const ConnectionFailed& error) {
    EXPECT_NE(std::string(error.what()).find("was rolled back"), std::string::npos) << error.what();
    EXPECT_FALSE(error.info().connection_survives);
  }
  EXPECT_EQ(kept(), 0);
  EXPECT_TRUE(conn.closed());
  EXPECT_EQ(db().fetch_val<int>("SELECT 1"), 1);
}

TEST_F(LostCommit, is_resolved_or_not_as_its_transaction_says) {
  const auto insert = [](Connection& conn) { conn.execute("INSERT INTO kept VALUES (1)"); };
  const auto while_killed = [&](PooledDatabase& pool, const std::optional<bool>& resolve) {
    const auto other = std::async(std::launch::async, [&] {
      await_commit();
      terminate_committing();
    });
    pool.transaction({.resolve_commit = resolve}, insert);
  };
  PooledDatabase on_request(
      Config::from_url(server().url()),
      {.min_size = 1, .max_size = 1, .timeout = 20s, .resolve_commits = ResolveCommits::on_request});
  EXPECT_THROW(while_killed(db(), false), CommitUnknown);
  EXPECT_THROW(while_killed(on_request, {}), CommitUnknown);
  EXPECT_NO_THROW(while_killed(on_request, true));
  EXPECT_NO_THROW(while_killed(db(), {}));
  EXPECT_EQ(kept(), 4);

  // What one transaction has asked for says nothing of the next on its connection.
  Connection conn = on_request.connection();
  conn.transaction({.resolve_commit = true}, [](Connection& inside) { inside.execute("SELECT 1"); });
  EXPECT_THROW(insert_and_commit(conn, [&](int pid) { terminate(pid); }), CommitUnknown);
}

TEST_F(LostCommit, of_a_transaction_block_succeeds_as_well) {
  const auto other = std::async(std::launch::async, [&] {
    await_commit();
    terminate_committing();
  });
  EXPECT_EQ(db().transaction(
                [](Connection& conn) { return conn.execute("INSERT INTO kept VALUES (1)").affected_rows(); }),
            1);
  EXPECT_EQ(kept(), 1);
}

TEST_F(LostCommit, stays_unknown_if_no_other_connection_can_be_had_in_time) {
  Connection conn = db().connection();
  conn.timeout(2s);
  try {
    insert_and_commit(conn, [&](int) { server().stop(testing::StopMode::immediate); });
    FAIL() << "nobody could know";
  } catch (const CommitUnknown& error) {
    EXPECT_NE(std::string(error.what()).find("no other connection could tell"), std::string::npos)
        << error.what();
  }
}

TEST_F(LostCommit, is_known_after_an_immediate_restart_if_it_did_not_happen) {
  commits_check_slowly();
  Connection conn = db().connection();
  EXPECT_THROW(insert_and_commit(conn, [&](int) { server().restart(testing::StopMode::immediate); }),
               ConnectionFailed);
  EXPECT_EQ(kept(), 0);
}

TEST_F(LostCommit, without_the_option_is_unknown) {
  PooledDatabase plain(Config::from_url(server().url()), {.min_size = 1, .max_size = 1});
  Connection conn = plain.connection();
  EXPECT_THROW(insert_and_commit(conn, [&](int pid) { terminate(pid); }), CommitUnknown);
}

/// What each of many commits was told, under killed backends and a server that crashes.
class Ledger {
 public:
  explicit Ledger(PooledDatabase& db) : db_(db) {}
  void write(int commits) {
    while (next_ < commits) enter(++next_);
  }
  [[nodiscard]] int entries() const { return next_; }
  struct Sums {
    int committed = 0;
    int unknown = 0;
    int failed = 0;
    std::vector<std::string> lies{};
  };
  Sums compare() {
    std::set<int> kept;
    for (const int id : db_.fetch_all<int>("SELECT id FROM ledger")) kept.insert(id);
    Sums sums{.unknown = unknown_};
    for (const int id : committed_) {
      if (!kept.contains(id)) sums.lies.push_back("committed and not there: " + std::to_string(id));
    }
    for (const auto& [id, words] : failed_) {
      if (kept.contains(id)) sums.lies.push_back("failed and there: " + std::to_string(id) + ": " + words);
    }
    sums.committed = static_cast<int>(committed_.size());
    sums.failed = static_cast<int>(failed_.size());
    return sums;
  }

 private:
  void enter(int id) {
    std::string words;
    bool unknown = false;
    try {
      db_.transaction([id](Connection& conn) { conn.execute("INSERT INTO ledger VALUES ($1)", id); });
    } catch (const CommitUnknown&) {
      unknown = true;
    } catch (const Error& error) {
      words = error.what();
    }
    const std::lock_guard lock(mutex_);
    if (unknown) {
      ++unknown_;
    } else if (words.empty()) {
      committed_.push_back(id);
    } else {
      failed_.emplace_back(id, std::move(words));
    }
  }

  PooledDatabase& db_;
  std::atomic<int> next_ = 0;
  std::mutex mutex_;
  std::vector<int> committed_;
  std::vector<std::pair<int, std::string>> failed_;
  int unknown_ = 0;
};

TEST(LostCommits, are_told_rightly_under_killed_backends_and_an_immediate_restart) {
  constexpr int commits = 10'000;
  // So that a COMMIT that was answered survives the crash.
  testing::ThrowawayPostgres server({.settings = {{"synchronous_commit", "on"}}});
  PoolOptions options{
      .min_size = 8, .max_size = 8, .timeout = 20s, .resolve_commits = ResolveCommits::always};
  PooledDatabase db(Config::from_url(server.url()), options);
  PooledDatabase admin(Config::from_url(server.url()), {.min_size = 1, .max_size = 1});
  admin.execute("CREATE TABLE ledger (id int PRIMARY KEY)");
  Ledger ledger(db);
  std::vector<std::thread> writers;
  for (int i = 0; i < 8; ++i) writers.emplace_back([&] { ledger.write(commits); });
  bool restarted = false;
  for (int next = 0; ledger.entries() < commits; next += 80) {
    EXPECT_TRUE(eventually([&] { return ledger.entries() >= next; }, 30s));
    if (!restarted && ledger.entries() > commits / 2) {
      server.restart(testing::StopMode::immediate);
      restarted = true;
    }
    try {  // one of those that commit, where there is one
      admin.execute(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' AND "
          "pid <> pg_backend_pid() ORDER BY query <> 'COMMIT' OR state <> 'active', random() LIMIT 1");
    } catch (const Error&) {  // the restart
    }
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_TRUE(restarted);
  const Ledger::Sums sums = ledger.compare();
  EXPECT_EQ(sums.lies, std::vector<std::string>());
  std::cout << "of " << commits << " commits " << sums.committed << " happened, " << sums.failed
            << " failed, and of " << sums.unknown << " nobody knows\n";
  EXPECT_GE(sums.committed + sums.failed + sums.unknown, commits);
}

}  // namespace
}  // namespace copg::test
