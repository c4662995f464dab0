// COMMIT's answer is lost, and another connection tells a coroutine whether it happened.
#include <future>
#include <memory>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

class AsyncLostCommit : public AsyncTest {
 protected:
  AsyncLostCommit() {
    Config not_waiting = Config::from_url(mortal_.url());
    not_waiting.options["options"] = "-c synchronous_commit=local";
    admin_ = std::make_unique<PooledDatabase>(not_waiting, PoolOptions{.min_size = 1, .max_size = 1});
    admin_->execute("CREATE TABLE kept (a int)");
  }
  [[nodiscard]] AsyncPooledDatabase make_resolving() {
    return AsyncPooledDatabase(
        io, Config::from_url(mortal_.url()),
        {.min_size = 1, .max_size = 1, .timeout = 20s, .resolve_commits = ResolveCommits::always});
  }
  /// Once COMMIT is on its way.
  void terminate_committing() {
    EXPECT_TRUE(eventually([&] {
      return admin_->fetch_val<std::int64_t>(
                 "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query = 'COMMIT' AND "
                 "state = 'active'") > 0;
    }));
  }
  bool refuses_connects() {
    PooledDatabase probe(Config::from_url(mortal_.url()), {.min_size = 1, .max_size = 1});
    try {
      probe.wait(5s);
      return false;
    } catch (const ConfigurationError&) {
      return true;
    }
  }
  PooledDatabase& admin() { return *admin_; }
  testing::ThrowawayPostgres& mortal() { return mortal_; }
  std::int64_t kept() { return admin_->fetch_val<std::int64_t>("SELECT count(*) FROM kept"); }

 private:
  // COMMIT has happened before it is answered.
  testing::ThrowawayPostgres mortal_{
      {.settings = {{"synchronous_commit", "on"}, {"synchronous_standby_names", "nobody"}}}};
  std::unique_ptr<PooledDatabase> admin_;
};

TEST_F(AsyncLostCommit, that_has_happened_succeeds) {
  AsyncPooledDatabase db = make_resolving();
  const auto other = std::async(std::launch::async, [&] { terminate_committing(); });
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    co_await conn.execute("INSERT INTO kept VALUES (1)");
    co_await conn.commit();
    EXPECT_TRUE(conn.closed());
    const int one = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(one, 1);
    co_await db.close();
  }());
  EXPECT_EQ(kept(), 1);
}

TEST_F(AsyncLostCommit, whose_fate_nobody_can_tell_in_time_is_unknown_and_the_pool_serves_again) {
  AsyncPooledDatabase db = make_resolving();
  // All connections are refused from here on, so that none can be asked.
  const auto other = std::async(std::launch::async, [&] {
    EXPECT_TRUE(eventually([&] {
      return admin().fetch_val<bool>(
          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active')");
    }));
    mortal().set_access_rules("local all all reject\nhost all all all reject\n");
    mortal().reload();
    EXPECT_TRUE(eventually([&] { return refuses_connects(); }));
    terminate_committing();
  });
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    conn.timeout(3s);
    co_await conn.execute("INSERT INTO kept VALUES (1)");
    bool unknown = false;
    try {
      co_await conn.commit();
    } catch (const CommitUnknown&) {
      unknown = true;
    }
    EXPECT_TRUE(unknown);
    mortal().set_access_rules("local all all trust\nhost all all all trust\n");
    mortal().reload();
  }());
  EXPECT_EQ(kept(), 1);
  int one = 0;
  run([&]() -> awaitable<void> {
    while (one == 0) {
      try {
        one = co_await db.fetch_val<int>("SELECT 1");
      } catch (const ConfigurationError&) {  // until the next connect
      }
    }
    co_await db.close();
  }());
  EXPECT_EQ(one, 1);
}

}  // namespace
}  // namespace copg::test
