// The fixture of docs/testing.md: one server and one pool for all tests of a program, a transaction for each.
#include <gtest/gtest.h>
#include <copg/copg.hpp>
#include <copg/testing.hpp>

#include <cstdint>

namespace {

copg::PooledDatabase& database() {
  static copg::testing::Server server;
  static auto db = copg::PooledDatabase::from_url(server.url());
  static const bool made =
      (db.execute("CREATE TABLE users (id serial PRIMARY KEY, name text NOT NULL)"), true);
  static_cast<void>(made);
  return db;
}

class Users : public ::testing::Test {
 protected:
  void add(const char* name) { conn->execute("INSERT INTO users (name) VALUES ($1)", name); }
  std::int64_t count() { return conn->fetch_val<std::int64_t>("SELECT count(*) FROM users"); }

  copg::testing::RolledBack conn{database()};
};

// Each would fail if the other had left its row behind, in whichever order they run.
TEST_F(Users, a_test_sees_its_own_row_alone) {
  add("Ada");
  EXPECT_EQ(count(), 1);
}

TEST_F(Users, and_so_does_the_next_test) {
  add("Grace");
  EXPECT_EQ(count(), 1);
}

TEST_F(Users, a_test_that_fails_a_statement_leaves_nothing_either) {
  add("Ada");
  EXPECT_THROW(conn->execute("INSERT INTO users (name) VALUES (NULL)"), copg::QueryFailed);
}

}  // namespace
