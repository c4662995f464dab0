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

TEST(StatementCache, the_least_recently_used_is_evicted) {
  StatementCache cache(true);
  const StatementName first = prepared(cache, "SELECT -1")->name;
  prepared(cache, "SELECT -2");
  for (std::size_t i = 0; cache.size() < StatementCache::capacity; ++i)
    prepared(cache, "SELECT " + std::to_string(i));
  ASSERT_NE(cache.use("SELECT -1", int4), nullptr);  // now the most recently used
  prepared(cache, "SELECT 'one too many'");
  EXPECT_EQ(cache.size(), StatementCache::capacity);
  EXPECT_STREQ(cache.use("SELECT -1", int4)->name.data(), first.data());
  EXPECT_EQ(cache.use("SELECT -2", int4), nullptr);
}

TEST(StatementCache, names_nothing_more_when_too_many_were_evicted_until_all_are_forgotten) {
  StatementCache cache(true);
  auto evict_one = [&, i = 0]() mutable { prepared(cache, "SELECT " + std::to_string(i++)); };
  while (cache.size() < StatementCache::capacity) evict_one();
  for (std::size_t i = 1; i < StatementCache::max_orphans; ++i) evict_one();
  EXPECT_TRUE(cache.may_name());
  EXPECT_FALSE(cache.littered());
  evict_one();
  EXPECT_FALSE(cache.may_name());
  EXPECT_TRUE(cache.littered());
  cache.forget_all();
  EXPECT_TRUE(cache.may_name());
  EXPECT_FALSE(cache.littered());
}

TEST(StatementCache, texts_used_once_evict_nothing) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT 'often'");
  for (int i = 0; i < 10000; ++i) (void)cache.use("SELECT " + std::to_string(i), int4);
  EXPECT_EQ(cache.use("SELECT 'often'", int4), statement);
  EXPECT_TRUE(statement->prepared);
}

TEST(StatementCache, a_long_text_is_not_kept_however_often_it_is_used) {
  StatementCache cache(true);
  const std::string longest(StatementCache::max_text_bytes, 'x');
  for (int use = 0; use < 3; ++use) EXPECT_EQ(cache.use(longest + 'x', int4), nullptr);
  EXPECT_EQ(cache.size(), 0U);
  (void)prepared(cache, longest);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(StatementCache, a_name_is_never_given_twice) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT 1");
  const StatementName before = statement->name;
  cache.doubt(*statement);
  EXPECT_FALSE(statement->prepared);
  cache.name(*statement);
  EXPECT_STRNE(statement->name.data(), before.data());
}

TEST(StatementCache, a_name_is_of_one_connection_alone) {
  StatementCache one(true);
  StatementCache other(true);
  EXPECT_STRNE(prepared(one, "SELECT 1")->name.data(), prepared(other, "SELECT 1")->name.data());
}

TEST(StatementCache, names_nothing_more_when_the_server_loses_its_names_again_and_again) {
  StatementCache cache(true);
  for (int i = 0; i < StatementCache::max_losses; ++i) {
    EXPECT_TRUE(cache.may_name());
    Statement* statement = prepared(cache, "SELECT 1");
    cache.lose_all();
    EXPECT_FALSE(statement->prepared);
  }
  EXPECT_FALSE(cache.may_name());
}

TEST(StatementCache, forgetting_all_keeps_the_texts_without_their_names) {
  StatementCache cache(true);
  Statement* statement = prepared(cache, "SELECT 1");
  cache.forget_all();
  EXPECT_FALSE(statement->prepared);
  EXPECT_EQ(cache.use("SELECT 1", int4), statement);
}

}  // namespace
}  // namespace copg::pq
