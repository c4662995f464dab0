// The cache's bookkeeping, without a server.
#include "pq/statement_cache.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace copg::pq {
namespace {

constexpr std::array<Oid, 1> int4 = {23};
constexpr std::array<Oid, 1> int8 = {20};

Statement* prepared(StatementCache& cache, const std::string& text) {
  (void)cache.use(text, int4);
  Statement* statement = cache.use(text, int4);
  cache.name(*statement);
  cache.confirm(*statement);
  return statement;
}

TEST(StatementCache, a_text_is_a_statement_from_its_second_use_on) {
  StatementCache cache(true);
  EXPECT_EQ(cache.use("SELECT $1", int4), nullptr);
  Statement* statement = cache.use("SELECT $1", int4);
  ASSERT_NE(statement, nullptr);
  EXPECT_EQ(statement->text, "SELECT $1");
  EXPECT_FALSE(statement->prepared);
  EXPECT_EQ(cache.use("SELECT $1", int4), statement);
}

TEST(StatementCache, other_types_are_another_statement) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT $1");
  EXPECT_EQ(cache.use("SELECT $1", int8), nullptr);
  EXPECT_NE(cache.use("SELECT $1", int8), statement);
}

TEST(StatementCache, the_least_recently_used_is_evicted_and_its_name_closed) {
  StatementCache cache(true);
  const StatementName first = prepared(cache, "SELECT -1")->name;
  const StatementName second = prepared(cache, "SELECT -2")->name;
  for (std::size_t i = 0; cache.size() < StatementCache::capacity; ++i)
    prepared(cache, "SELECT " + std::to_string(i));
  EXPECT_FALSE(cache.closes_pending());
  ASSERT_NE(cache.use("SELECT -1", int4), nullptr);  // now the most recently used
  prepared(cache, "SELECT 'one too many'");
  EXPECT_EQ(cache.size(), StatementCache::capacity);
  ASSERT_TRUE(cache.closes_pending());
  EXPECT_STREQ(cache.take_close().data(), second.data());
  EXPECT_FALSE(cache.closes_pending());
  EXPECT_STREQ(cache.use("SELECT -1", int4)->name.data(), first.data());
}

TEST(StatementCache, texts_used_once_evict_nothing) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT 'often'");
  for (int i = 0; i < 10000; ++i) (void)cache.use("SELECT " + std::to_string(i), int4);
  EXPECT_EQ(cache.use("SELECT 'often'", int4), statement);
  EXPECT_TRUE(statement->prepared);
}

TEST(StatementCache, a_name_is_never_given_twice) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT 1");
  const StatementName before = statement->name;
  cache.doubt(*statement);
  EXPECT_FALSE(statement->prepared);
  cache.name(*statement);
  EXPECT_STRNE(statement->name.data(), before.data());
  EXPECT_STREQ(cache.take_close().data(), before.data());
}

TEST(StatementCache, forgetting_all_leaves_nothing_to_close) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT 1");
  cache.doubt(*prepared(cache, "SELECT 2"));
  cache.forget_all();
  EXPECT_FALSE(statement->prepared);
  EXPECT_FALSE(cache.closes_pending());
}

}  // namespace
}  // namespace copg::pq
