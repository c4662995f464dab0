// Fifty tenants with a schema each, and the same texts for all, on an event loop: everybody gets their own
// rows, and no error.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "async/async_test.hpp"
#include "support/guarded_tenants.hpp"
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

TEST_F(AsyncTenants, a_hundred_under_row_level_security_see_not_one_row_of_another) {
  constexpr int callers = 24;
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 4});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute(GuardedTenants::making());
  }());
  GuardedTenants guarded;
  const auto work = [&](std::minstd_rand& dice) -> awaitable<void> {
    const auto roll = [&](int sides) { return std::uniform_int_distribution(0, sides - 1)(dice); };
    const int tenant = roll(GuardedTenants::tenants);
    const int other = roll(GuardedTenants::tenants);
    const int end = roll(8);
    const auto inner_body = [&](AsyncConnection& inner) -> awaitable<void> {
      const Result rows = co_await inner.execute(GuardedTenants::all_rows);
      guarded.judge(rows, other);
    };
    const auto body = [&](AsyncConnection& tx) -> awaitable<void> {
      for (int n = roll(3); n >= 0; --n) {
        const Result rows = co_await tx.execute(GuardedTenants::all_rows);
        guarded.judge(rows, tenant);
      }
      if (roll(3) == 0) {
        TransactionOptions inside{.settings = {{"app.tenant", GuardedTenants::name(other)}}};
        co_await tx.transaction(std::move(inside), inner_body);
        const Result rows = co_await tx.execute(GuardedTenants::all_rows);
        guarded.judge(rows, tenant);
      }
      if (end == 0) co_await tx.execute("SELECT 1 / 0");
      if (end == 1) tx.timeout(Seconds(0.002));
      if (end == 1) co_await tx.execute("SELECT pg_sleep(5)");
      if (end == 2) throw 1;
    };
    try {
      TransactionOptions options = GuardedTenants::options(tenant);
      co_await db.transaction(std::move(options), body);
      if (end < 3) guarded.note("an error got lost");
    } catch (const QueryFailed&) {
      if (end != 0) guarded.note("a statement failed");
    } catch (const QueryTimeout&) {
      if (end != 1) guarded.note("a statement was late");
    } catch (int) {
    }
    guarded.judge_outside(co_await db.fetch_val<std::string>(GuardedTenants::what_holds));
  };
  // Calls of a caller that has lost patience are cancelled, wherever they are.
  asio::steady_timer impatience(io);
  std::vector<std::unique_ptr<asio::cancellation_signal>> signals;
  int left = callers;
  const auto caller = [&](int number) -> awaitable<void> {
    std::minstd_rand dice(static_cast<unsigned>(number) + 1);
    for (int i = 0; i < 60; ++i) co_await work(dice);
  };
  for (int number = 0; number < callers; ++number) {
    signals.push_back(std::make_unique<asio::cancellation_signal>());
    asio::co_spawn(io, caller(number),
                   asio::bind_cancellation_slot(signals.back()->slot(), [&](std::exception_ptr) { --left; }));
  }
  const auto cancel_some = [&]() -> awaitable<void> {
    for (std::size_t number = 0; number < signals.size() / 2; ++number) {
      impatience.expires_after(20ms);
      co_await impatience.async_wait(asio::use_awaitable);
      signals[number]->emit(asio::cancellation_type::terminal);
    }
  };
  asio::co_spawn(io, cancel_some(), [](std::exception_ptr error) { EXPECT_FALSE(error); });
  run_until([&] { return left == 0; }, 120s);
  EXPECT_EQ(guarded.wrong(), std::vector<std::string>());
}

class AsyncRun : public AsyncTest {};

TEST_F(AsyncRun, a_body_is_run_until_it_succeeds_and_its_last_error_tells_of_all_attempts) {
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 2});
  int runs = 0;
  const auto body = [&](AsyncConnection& tx) -> awaitable<int> {
    ++runs;
    if (runs < 3) co_await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$");
    co_return runs;
  };
  const auto fails = [&](AsyncConnection& tx) -> awaitable<void> {
    ++runs;
    co_await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$");
  };
  run([&]() -> awaitable<void> {
    co_await db.open();
    EXPECT_EQ(co_await db.run(body), 3);
    EXPECT_EQ(db.stats().retries_num, 2U);
    runs = 0;
    RunOptions twice{.attempts = 2};
    try {
      co_await db.within(20s).run(fails, twice);
      ADD_FAILURE() << "no error";
    } catch (const QueryFailed& error) {
      EXPECT_EQ(error.info().attempts.size(), 2U);
    }
    EXPECT_EQ(runs, 2);
  }());
}

TEST_F(AsyncRun, a_caller_that_cancels_ends_it_between_two_attempts_as_in_one) {
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> { co_await db.open(); }());
  int runs = 0;
  const auto fails = [&](AsyncConnection& tx) -> awaitable<void> {
    ++runs;
    co_await tx.execute("DO $$ BEGIN RAISE SQLSTATE '40001'; END $$");
  };
  asio::cancellation_signal signal;
  bool ended = false;
  db.run(fails, {.attempts = 1'000'000},
         asio::bind_cancellation_slot(signal.slot(), [&](std::exception_ptr error) {
           EXPECT_TRUE(error);
           ended = true;
         }));
  run_until([&] { return runs >= 8; });
  signal.emit(asio::cancellation_type::terminal);
  run_until([&] { return ended; }, 5s);
  const int runs_then = runs;
  run([&]() -> awaitable<void> { EXPECT_EQ(co_await db.fetch_val<int>("SELECT 1"), 1); }());
  EXPECT_EQ(runs, runs_then);
}

class AsyncOptions : public AsyncTest {
 protected:
  static awaitable<std::string> held(AsyncConnection& tx) {
    co_return co_await tx.fetch_val<std::string>(
        "SELECT concat_ws(' ', current_setting('transaction_isolation'), "
        "current_setting('transaction_read_only'), current_user, coalesce(current_setting('app.x', true), "
        "''))");
  }
};

TEST_F(AsyncOptions, hold_inside_a_transaction_and_a_savepoint_and_leave_nothing_behind) {
  AsyncPooledDatabase db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP ROLE IF EXISTS async_role; CREATE ROLE async_role");
    const auto body = [&](AsyncConnection& tx) -> awaitable<std::string> {
      TransactionOptions inside{.read_only = true, .settings = {{"app.x", "2"}}};
      const std::string inner = co_await tx.transaction(inside, held);
      EXPECT_EQ(inner, "serializable on async_role 2");
      TransactionOptions bad{.settings = {{"app.x", "3"}}, .role = "nobody"};
      try {
        co_await tx.transaction(bad, held);
        ADD_FAILURE() << "no error";
      } catch (const QueryFailed& error) {
        EXPECT_EQ(error.sqlstate().text(), "22023");
      }
      TransactionOptions refused{.isolation = Isolation::serializable};
      try {
        co_await tx.transaction(refused, held);
        ADD_FAILURE() << "no error";
      } catch (const UsageError&) {
      }
      co_return co_await held(tx);
    };
    TransactionOptions options{
        .isolation = Isolation::serializable, .settings = {{"app.x", "1"}}, .role = "async_role"};
    const std::string outer = co_await db.transaction(options, body);
    EXPECT_EQ(outer, "serializable off async_role 1");
    TransactionOptions nobody{.role = "nobody"};
    try {
      co_await db.transaction(nobody, held);
      ADD_FAILURE() << "no error";
    } catch (const QueryFailed& error) {
      EXPECT_EQ(error.sqlstate().text(), "22023");
    }
    AsyncConnection after = co_await db.connection();
    const std::string held_after = co_await held(after);
    EXPECT_EQ(held_after, "read committed off postgres ");
  }());
  std::string by_callback;
  db.transaction({.role = "async_role"}, held, [&](const std::exception_ptr& error, std::string given) {
    EXPECT_FALSE(error);
    by_callback = std::move(given);
  });
  run_until([&] { return !by_callback.empty(); });
  EXPECT_EQ(by_callback, "read committed off async_role ");
}

}  // namespace
}  // namespace copg::test
