// Fifty tenants with a schema each, and the same texts for all: everybody gets their own rows, and no error.
#include <atomic>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "integration/database_test.hpp"
#include "support/guarded_tenants.hpp"
#include "support/tenants.hpp"

namespace copg::test {
namespace {

class Tenants : public DatabaseTest {
 protected:
  void note(std::string wrong) {
    if (wrong.empty()) return;
    const std::lock_guard lock(mutex_);
    surprises_.push_back(std::move(wrong));
  }

  /// Work of one tenant, in one transaction, which is rolled back now and then.
  void work(PooledDatabase& db, std::minstd_rand& dice) {
    const auto roll = [&](int sides) { return std::uniform_int_distribution(0, sides - 1)(dice); };
    const int tenant = roll(tenants);
    const Going going = going_to(tenant, roll(ways_to_go));
    const auto ask = [&](Connection& tx) {
      const char* text = tenant_texts[static_cast<std::size_t>(roll(static_cast<int>(tenant_texts.size())))];
      note(wrong_with(tx.execute(text, params(column_of(tenant).value)), tenant));
    };
    try {
      Connection tx = db.connection();
      if (roll(2) == 0) note(wrong_with(tx.execute("SELECT * FROM notes WHERE v = $1", "t"), "public", "t"));
      tx.execute(going.sql, going.params);
      for (int n = roll(4); n >= 0; --n) ask(tx);
      if (roll(4) == 0) {
        tx.transaction([&](Connection& inner) { ask(inner); });
        ask(tx);
      }
      if (roll(4) != 0)
        tx.commit();
      else
        tx.rollback();
      if (going.sql.starts_with("SET search_path")) return;
      note(wrong_with(tx.execute("SELECT * FROM notes WHERE v = $1", "t"), "public", "t"));
      tx.commit();
    } catch (const Error& error) {
      note(name_of(tenant) + ", gone to by " + going.sql + ": " + error.what());
    }
  }

  std::vector<std::string> surprises() {
    const std::lock_guard lock(mutex_);
    return surprises_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> surprises_;
};

TEST_F(Tenants, a_storm_of_fifty_tenants_with_the_same_texts_gives_each_its_own_rows_and_no_error) {
  constexpr int tenant_callers = 16;
  constexpr int transactions = 150;
  PooledDatabase db = open({.min_size = 1, .max_size = 4});
  db.execute(making_tenants());
  std::vector<std::jthread> threads;
  for (int number = 0; number < tenant_callers; ++number) {
    threads.emplace_back([&, number] {
      std::minstd_rand dice(static_cast<unsigned>(number) + 1);
      for (int i = 0; i < transactions; ++i) {
        work(db, dice);
        // Where others are inside transactions, this one travels with its like.
        note(wrong_with(db.execute("SELECT * FROM notes WHERE v = $1", "t"), "public", "t"));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(surprises(), std::vector<std::string>());
}

TEST_F(Tenants, a_hundred_under_row_level_security_see_not_one_row_of_another) {
  PooledDatabase db = open({.min_size = 1, .max_size = 4});
  db.execute(GuardedTenants::making());
  GuardedTenants tenants;
  std::vector<std::jthread> threads;
  for (unsigned number = 0; number < 12; ++number) {
    threads.emplace_back([&, number] {
      std::minstd_rand dice(number + 1);
      for (int i = 0; i < 100; ++i) tenants.work(db, dice);
    });
  }
  threads.clear();
  EXPECT_EQ(tenants.wrong(), std::vector<std::string>());
}

}  // namespace
}  // namespace copg::test
