// Fifty tenants with a schema each, and the same texts for all, on an event loop: everybody gets their own
// rows, and no error.
#include <random>
#include <string>
#include <vector>

#include "async/async_test.hpp"
#include "support/tenants.hpp"

namespace copg::test {
namespace {

class AsyncTenants : public AsyncTest {
 protected:
  void note(std::string wrong) {
    if (!wrong.empty()) surprises.push_back(std::move(wrong));
  }

  awaitable<void> ask(AsyncConnection& on, int tenant, std::minstd_rand& dice) {
    const char* text =
        tenant_texts[std::uniform_int_distribution<std::size_t>(0, tenant_texts.size() - 1)(dice)];
    const Result result = co_await on.execute(text, params(column_of(tenant).value));
    note(wrong_with(result, tenant));
  }
  awaitable<void> ask_outside(AsyncConnection& on) {
    const Result result = co_await on.execute("SELECT * FROM notes WHERE v = $1", "t");
    note(wrong_with(result, "public", "t"));
  }

  /// Work of one tenant, in one transaction, which is rolled back now and then.
  awaitable<void> work(AsyncPooledDatabase& db, std::minstd_rand& dice) {
    const auto roll = [&](int sides) { return std::uniform_int_distribution(0, sides - 1)(dice); };
    const int tenant = roll(tenants);
    const Going going = going_to(tenant, roll(ways_to_go));
    try {
      AsyncConnection tx = co_await db.connection();
      if (roll(2) == 0) co_await ask_outside(tx);
      co_await tx.execute(going.sql, going.params);
      for (int n = roll(4); n >= 0; --n) co_await ask(tx, tenant, dice);
      if (roll(4) == 0) {
        co_await tx.execute("SAVEPOINT inner_one");
        co_await ask(tx, tenant, dice);
        co_await tx.execute("ROLLBACK TO SAVEPOINT inner_one");
        co_await ask(tx, tenant, dice);
      }
      if (roll(4) != 0) {
        co_await tx.commit();
      } else {
        co_await tx.rollback();
      }
      if (going.sql.starts_with("SET search_path")) co_return;
      co_await ask_outside(tx);
      co_await tx.commit();
    } catch (const Error& error) {
      note(name_of(tenant) + ", gone to by " + going.sql + ": " + error.what());
    }
  }

  std::vector<std::string> surprises;
};

TEST_F(AsyncTenants, a_storm_of_fifty_tenants_with_the_same_texts_gives_each_its_own_rows_and_no_error) {
  constexpr int callers = 24;
  constexpr int transactions = 100;
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 4});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute(making_tenants());
  }());
  int left = callers;
  const auto caller = [&](int number) -> awaitable<void> {
    std::minstd_rand dice(static_cast<unsigned>(number) + 1);
    for (int i = 0; i < transactions; ++i) {
      co_await work(db, dice);
      const Result result = co_await db.execute("SELECT * FROM notes WHERE v = $1", "t");
      note(wrong_with(result, "public", "t"));
    }
    --left;
  };
  for (int number = 0; number < callers; ++number) {
    asio::co_spawn(io, caller(number), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  }
  run_until([&] { return left == 0; }, 120s);
  EXPECT_EQ(surprises, std::vector<std::string>());
}

}  // namespace
}  // namespace copg::test
