// What a rolled-back transaction lets a test do, with threads and with coroutines, and that nothing stays.
#include <gtest/gtest.h>
#include <copg/async.hpp>
#include <copg/copg.hpp>
#include <copg/testing.hpp>
#include <copg/testing/async_rolled_back.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace {

using boost::asio::awaitable;
using boost::asio::use_future;
using copg::testing::rolled_back;
using copg::testing::RolledBack;

class RolledBackTransaction : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<copg::testing::Server>(); }
  static void TearDownTestSuite() { server_.reset(); }

  [[nodiscard]] bool is_there(const std::string& table) {
    return db.fetch_val<std::optional<std::string>>("SELECT to_regclass($1)::text", table).has_value();
  }

  copg::PooledDatabase db = copg::PooledDatabase::from_url(server_->url(), {.max_size = 2});
  copg::AsyncPooledDatabase loop{boost::asio::any_io_executor(), db};

 private:
  static inline std::unique_ptr<copg::testing::Server> server_;
};

TEST_F(RolledBackTransaction, leaves_nothing_and_gives_its_connection_back) {
  {
    RolledBack conn(db);
    conn->execute("CREATE TABLE gone ()");
    EXPECT_TRUE(conn->fetch_val<bool>("SELECT to_regclass('gone') IS NOT NULL"));
    EXPECT_EQ((*conn).transaction_status(), copg::TransactionStatus::in_transaction);
  }
  EXPECT_FALSE(is_there("gone"));
  EXPECT_EQ(db.stats().leased, 0U);
}

TEST_F(RolledBackTransaction, is_not_ended_by_a_transaction_inside_which_is_a_savepoint) {
  {
    RolledBack conn(db);
    conn->transaction([](copg::Connection& inner) { inner.execute("CREATE TABLE inner_one ()"); });
    EXPECT_TRUE(conn->fetch_val<bool>("SELECT to_regclass('inner_one') IS NOT NULL"));
  }
  EXPECT_FALSE(is_there("inner_one"));
}

TEST_F(RolledBackTransaction, of_a_coroutine_leaves_nothing_and_hands_its_result_on) {
  auto body = [](copg::AsyncConnection& conn) -> awaitable<int> {
    co_await conn.execute("CREATE TABLE async_gone AS SELECT 7 AS number");
    co_await conn.transaction([](copg::AsyncConnection& inner) -> awaitable<void> {
      co_await inner.execute("UPDATE async_gone SET number = 8");
    });
    co_return co_await conn.fetch_val<int>("SELECT number FROM async_gone");
  };
  EXPECT_EQ(rolled_back(loop, body, use_future).get(), 8);
  EXPECT_FALSE(is_there("async_gone"));
}

TEST_F(RolledBackTransaction, of_a_coroutine_that_throws_leaves_nothing_and_throws) {
  auto body = [](copg::AsyncConnection& conn) -> awaitable<void> {
    co_await conn.execute("CREATE TABLE async_gone ()");
    throw std::runtime_error("as it was");
  };
  try {
    rolled_back(loop, body, use_future).get();
    ADD_FAILURE() << "it did not throw";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "as it was");
  }
  EXPECT_FALSE(is_there("async_gone"));
}

TEST_F(RolledBackTransaction, of_a_coroutine_without_a_result_is_awaited_as_well) {
  auto body = [](copg::AsyncConnection& conn) -> awaitable<void> {
    co_await conn.execute("CREATE TABLE async_gone ()");
  };
  auto outer = [&]() -> awaitable<void> { co_await rolled_back(loop, body); };
  boost::asio::co_spawn(loop.get_executor(), outer, use_future).get();
  EXPECT_FALSE(is_there("async_gone"));
}

}  // namespace
