// A connection only if one is free at once.
#include <chrono>
#include <future>
#include <optional>
#include <utility>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

struct TryConnection : DatabaseTest {
  PooledDatabase db = open({.min_size = 1, .max_size = 2});
  void SetUp() override { db.wait(); }
};

TEST_F(TryConnection, takes_an_idle_connection_and_gives_it_back) {
  {
    std::optional<Connection> conn = db.try_connection();
    ASSERT_TRUE(conn);
    EXPECT_EQ(conn->fetch_val<int>("SELECT 1"), 1);
    EXPECT_EQ(db.stats().leased, 1U);
  }
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 1; }));
}

TEST_F(TryConnection, returns_nothing_where_a_connection_would_have_to_be_opened) {
  const std::optional<Connection> first = db.try_connection();
  ASSERT_TRUE(first);
  const PoolStats before = db.stats();
  EXPECT_FALSE(db.try_connection());
  EXPECT_EQ(db.stats(), before) << "as if nobody had asked: no request, no wait, no error, no connect";
}

TEST_F(TryConnection, returns_nothing_while_others_wait) {
  std::optional<Connection> first = db.try_connection();
  std::optional<Connection> second = db.connection();
  auto other = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 1"); });
  ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  EXPECT_FALSE(db.try_connection());
  first.reset();
  EXPECT_EQ(other.get(), 1);
}

TEST_F(TryConnection, returns_nothing_from_a_suspended_pool) {
  db.suspend();
  EXPECT_FALSE(db.try_connection());
  db.resume();
  EXPECT_TRUE(db.try_connection());
}

TEST_F(TryConnection, throws_once_the_pool_is_closed) {
  db.close();
  EXPECT_THROW((void)db.try_connection(), PoolClosed);
}

TEST_F(TryConnection, hands_out_no_connection_that_has_died_while_it_was_idle) {
  PooledDatabase other = open();
  for (int round = 0; round < 20; ++round) {
    db.wait();
    const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
    ASSERT_TRUE(other.fetch_val<bool>("SELECT pg_terminate_backend($1, 10000)", pid));
    const std::optional<Connection> conn = db.try_connection();
    EXPECT_NE(conn ? conn->backend_pid() : 0, pid);
  }
  EXPECT_EQ(db.stats().requests_errors, 0U);
}

TEST_F(TryConnection, is_told_of_as_a_lease_of_this_thread) {
  PooledDatabase one = open({.min_size = 1, .max_size = 1});
  one.wait();
  const std::optional<Connection> conn = one.try_connection();
  ASSERT_TRUE(conn);
  const ErrorInfo error = error_of<PoolDeadlock>([&] { one.execute("SELECT 1"); });
  EXPECT_NE(error.message.find("try_connection_test.cpp:"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace copg::test
