// Each asynchronous call for statements and leases: what it does, and what it completes with.
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct Calls : AsyncTest {};

TEST_F(Calls, execute_and_the_fetch_verbs_give_rows) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    const Result result = co_await db.execute("SELECT $1::int AS n, $2::text AS t", 7, "seven");
    EXPECT_EQ(result[0]["n"].as<int>(), 7);
    EXPECT_EQ(result[0]["t"].as<std::string>(), "seven");
    const int value = co_await db.fetch_val<int>("SELECT 41 + $1", 1);
    EXPECT_EQ(value, 42);
    const std::optional<int> none = co_await db.fetch_one<int>("SELECT 1 WHERE false");
    EXPECT_EQ(none, std::nullopt);
    const auto all =
        co_await db.fetch_all<std::tuple<int, std::string>>("SELECT i, i::text FROM generate_series(1, 2) i");
    EXPECT_EQ(all.at(1), std::tuple(2, std::string("2")));
  }());
}

TEST_F(Calls, execute_many_joins_rows_and_names_the_one_that_fails) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("CREATE TABLE joined (n int CHECK (n <> 1500))");
    const std::string insert = "INSERT INTO joined VALUES ($1)";
    std::vector<int> rows(1000, 1);
    for (int call = 0; call < 3; ++call) EXPECT_EQ(co_await db.execute_many(insert, rows), 1000);
    EXPECT_LT(co_await db.fetch_val<int>("SELECT count(DISTINCT (xmin::text, cmin::text))::int FROM joined"),
              400);
    rows[777] = 1500;
    {
      AsyncConnection conn = co_await db.connection();
      EXPECT_EQ(co_await conn.execute_many(insert, std::vector<int>(500, 2)), 500);
      try {
        co_await conn.execute_many(insert, rows);
        ADD_FAILURE();
      } catch (const QueryFailed& error) {
        EXPECT_EQ(error.info().row_index, 777);
      }
      EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
    }
    EXPECT_EQ(co_await db.fetch_val<int>("SELECT count(*)::int FROM joined"), 3000);
  }());
}

TEST_F(Calls, text_and_parameters_may_die_before_the_answer) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    std::optional<awaitable<Result>> call;
    {
      const std::string sql = "SELECT $1::text || ' of some length, on the heap'";
      const std::string value = "a value of some length, on the heap as well";
      call = db.execute(sql, value);
    }
    const Result result = co_await std::move(*call);
    EXPECT_EQ(result[0][0].as<std::string>(),
              "a value of some length, on the heap as well of some length, on the heap");
  }());
}

TEST_F(Calls, an_error_of_the_server_reaches_the_caller_and_the_connection_goes_back) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    SqlState state;
    try {
      co_await db.execute("SELECT 1 / $1", 0);
    } catch (const QueryFailed& error) {
      state = error.sqlstate();
    }
    EXPECT_EQ(state, SqlState("22012"));
    const int value = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(value, 1);
    EXPECT_EQ(db.stats().connections_num, 1);
  }());
}

TEST_F(Calls, what_does_not_fit_the_type_is_a_data_error) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    bool refused = false;
    try {
      co_await db.fetch_val<int>("SELECT 'x'");
    } catch (const DataError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }());
}

TEST_F(Calls, execute_many_is_all_or_nothing_and_takes_lvalues_rvalues_and_nothing) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS many; CREATE TABLE many (n int PRIMARY KEY)");
    std::vector<int> rows;
    for (int i = 0; i < 1000; ++i) rows.push_back(i);
    std::int64_t added = co_await db.execute_many("INSERT INTO many VALUES ($1)", rows);
    EXPECT_EQ(added, 1000);
    std::vector<int> duplicates = {1000, 1001, 0};
    std::int64_t row = -1;
    try {
      co_await db.execute_many("INSERT INTO many VALUES ($1)", std::move(duplicates));
    } catch (const QueryFailed& error) {
      row = error.info().row_index;
    }
    EXPECT_EQ(row, 2);
    added = co_await db.execute_many("INSERT INTO many VALUES ($1)", std::vector<int>());
    EXPECT_EQ(added, 0);
    const std::int64_t count = co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM many");
    EXPECT_EQ(count, 1000);
    co_await db.execute("DROP TABLE many");
  }());
}

TEST_F(Calls, a_connection_begins_with_its_first_statement_and_ends_as_it_is_told) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (n int)");
    {
      AsyncConnection conn = co_await db.connection();
      EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
      co_await conn.commit();  // nothing to commit
      co_await conn.execute("INSERT INTO t VALUES ($1)", 1);
      EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
      co_await conn.commit();
      co_await conn.execute("INSERT INTO t VALUES (2)");
      co_await conn.rollback();
      co_await conn.execute("INSERT INTO t VALUES (3)");
      EXPECT_GT(conn.backend_pid(), 0);
      EXPECT_GE(conn.server_version(), 90000);
      EXPECT_FALSE(conn.parameter_status("TimeZone").empty());
      conn.release();
      EXPECT_TRUE(conn.closed());
    }
    {
      AsyncConnection conn = co_await db.connection();
      conn.autocommit(true);
      const std::vector<int> rows = {4, 5};
      co_await conn.execute_many("INSERT INTO t VALUES ($1)", rows);
      EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
    }
    const auto kept = co_await db.fetch_all<int>("SELECT n FROM t ORDER BY n");
    EXPECT_EQ(kept.size(), 3U);
    EXPECT_EQ(kept.front(), 1);
    EXPECT_EQ(kept.back(), 5);
    co_await db.execute("DROP TABLE t");
  }());
}

TEST_F(Calls, a_closed_connection_is_replaced) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    const int first = conn.backend_pid();
    conn.close();
    const int second = co_await db.fetch_val<int>("SELECT pg_backend_pid()");
    EXPECT_NE(first, second);
  }());
}

TEST_F(Calls, a_transaction_inside_another_that_can_not_commit_is_undone_and_the_outer_one_goes_on) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS outer_one; CREATE TABLE outer_one (n int)");
    SqlState state;
    co_await db.transaction([&](AsyncConnection& tx) -> awaitable<void> {
      co_await tx.execute("INSERT INTO outer_one VALUES (1)");
      try {
        co_await tx.transaction([](AsyncConnection& inner) -> awaitable<void> {
          co_await inner.execute("INSERT INTO outer_one VALUES (2)");
          try {
            co_await inner.execute("SELECT 1 / 0");
          } catch (const QueryFailed&) {  // as if nothing were the matter
          }
        });
      } catch (const QueryFailed& error) {
        state = error.sqlstate();
      }
      co_await tx.execute("INSERT INTO outer_one VALUES (3)");
    });
    EXPECT_EQ(state, SqlState("25P02"));
    const int sum = co_await db.fetch_val<int>("SELECT sum(n)::int FROM outer_one");
    EXPECT_EQ(sum, 4);
  }());
}

TEST_F(Calls, after_a_transaction_whose_commit_failed_the_next_one_is_a_transaction) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute(
        "DROP TABLE IF EXISTS late; CREATE TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    AsyncConnection conn = co_await db.connection();
    conn.autocommit(true);
    SqlState state;
    try {
      co_await conn.transaction([](AsyncConnection& tx) -> awaitable<void> {
        co_await tx.execute("INSERT INTO late VALUES (1), (1)");
      });
    } catch (const QueryFailed& error) {
      state = error.sqlstate();
    }
    EXPECT_EQ(state, SqlState("23505"));
    std::string thrown;
    try {
      co_await conn.transaction([](AsyncConnection& tx) -> awaitable<void> {
        co_await tx.execute("INSERT INTO late VALUES (2)");
        throw std::runtime_error("undo it");
      });
    } catch (const std::runtime_error& error) {
      thrown = error.what();
    }
    EXPECT_EQ(thrown, "undo it");
    const int count = co_await conn.fetch_val<int>("SELECT count(*)::int FROM late");
    EXPECT_EQ(count, 0);
  }());
}

TEST_F(Calls, a_transaction_commits_on_return_and_rolls_back_on_an_exception_and_so_do_those_inside) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (n int)");
    const int given = co_await db.transaction([](AsyncConnection& tx) -> awaitable<int> {
      co_await tx.execute("INSERT INTO t VALUES (1)");
      bool undone = false;
      try {
        co_await tx.transaction([](AsyncConnection& inner) -> awaitable<void> {
          co_await inner.execute("INSERT INTO t VALUES (2)");
          throw std::runtime_error("undo me");
        });
      } catch (const std::runtime_error&) {
        undone = true;
      }
      EXPECT_TRUE(undone);
      co_await tx.transaction([](AsyncConnection& inner) -> awaitable<void> {
        co_await inner.execute("INSERT INTO t VALUES (3)");
      });
      co_return 17;
    });
    EXPECT_EQ(given, 17);
    bool thrown = false;
    try {
      co_await db.transaction([](AsyncConnection& tx) -> awaitable<void> {
        co_await tx.execute("INSERT INTO t VALUES (4)");
        throw std::runtime_error("undo all");
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    const auto kept = co_await db.fetch_all<int>("SELECT n FROM t ORDER BY n");
    EXPECT_EQ(kept.size(), 2U);
    EXPECT_EQ(kept.back(), 3);
    co_await db.execute("DROP TABLE t");
  }());
}

TEST_F(Calls, one_transaction_after_another_finds_the_connection_given_back) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    for (int i = 0; i < 10; ++i) {
      co_await db.transaction(
          [](AsyncConnection& conn) -> awaitable<void> { co_await conn.execute("SELECT 1"); });
    }
  }());
  EXPECT_EQ(db.stats().requests_queued, 0U);
}

TEST_F(Calls, a_connection_that_was_given_back_says_so_at_once_and_to_calls_made_before) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    awaitable<Result> made_before = conn.execute("SELECT 1");
    conn.release();
    EXPECT_THROW(static_cast<void>(conn.execute("SELECT 1")), UsageError);
    EXPECT_THROW(static_cast<void>(conn.commit()), UsageError);
    EXPECT_THROW(static_cast<void>(conn.backend_pid()), UsageError);
    AsyncConnection never;
    EXPECT_THROW(static_cast<void>(never.rollback()), UsageError);
    bool refused = false;
    try {
      co_await std::move(made_before);
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
  }());
}

TEST_F(Calls, a_lost_connection_says_closed_and_unknown) {
  auto db = make({.min_size = 2, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    co_await conn.execute("SELECT 1");
    EXPECT_FALSE(conn.closed());
    const int pid = conn.backend_pid();
    co_await db.execute("SELECT pg_terminate_backend($1, 5000)", pid);
    int told = 0;
    try {
      co_await conn.execute("SELECT 2");
    } catch (const ConnectionFailed&) {
      ++told;
    }
    EXPECT_TRUE(conn.closed());
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::unknown);
    try {
      co_await conn.commit();
    } catch (const ConnectionFailed&) {
      ++told;
    }
    EXPECT_EQ(told, 2);
    conn.release();
    EXPECT_TRUE(conn.closed());
  }());
}

TEST_F(Calls, a_deadline_covers_the_queue_and_the_answer) {
  auto db = make({.min_size = 1, .max_size = 1, .timeout = 300ms});
  run([&]() -> awaitable<void> {
    co_await db.open();
    std::string in_query;
    try {
      co_await db.execute("SELECT pg_sleep(30)");
    } catch (const QueryTimeout& error) {
      in_query = error.what();
    }
    EXPECT_NE(in_query.find("no answer from the server"), std::string::npos) << in_query;
    std::string in_queue;
    {
      AsyncConnection conn = co_await db.connection(10s);
      try {
        co_await db.execute("SELECT 1");
      } catch (const PoolTimeout& error) {
        in_queue = error.what();
      }
      conn.timeout(50ms);
      bool late = false;
      try {
        co_await conn.execute("SELECT pg_sleep(30)");
      } catch (const QueryTimeout&) {
        late = true;
      }
      EXPECT_TRUE(late);
      EXPECT_EQ(conn.transaction_status(), TransactionStatus::busy);
    }
    EXPECT_NE(in_queue.find("calls_test.cpp"), std::string::npos) << in_queue;
    AsyncConnection conn = co_await db.connection(10s);
    const int value = co_await conn.fetch_val<int>("SELECT 1");
    EXPECT_EQ(value, 1);
  }());
}

TEST_F(Calls, a_connection_killed_while_idle_is_swapped_without_a_word) {
  auto db = make({.min_size = 2, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    PooledDatabase other(config(), {.min_size = 1, .max_size = 1});
    other.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    const int value = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(value, 1);
  }());
}

TEST_F(Calls, large_parameters_and_answers_go_through) {
  auto db = make();
  run([&]() -> awaitable<void> {
    co_await db.open();
    const std::string large(20'000'000, 'x');
    const std::string back = co_await db.fetch_val<std::string>("SELECT $1 || $1", large);
    EXPECT_EQ(back.size(), 40'000'000U);
  }());
}

TEST_F(Calls, execute_many_returning_gives_the_rows_in_order) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS given; CREATE TABLE given (n int PRIMARY KEY)");
    std::vector<int> numbers;
    for (int i = 5000; i > 0; --i) numbers.push_back(i);
    const std::string insert = "INSERT INTO given VALUES ($1) RETURNING n";
    std::vector<int> returned = co_await db.execute_many_returning<int>(insert, numbers);
    EXPECT_EQ(returned, numbers);
    std::int64_t failed = -1;
    try {
      co_await db.within(10s).execute_many_returning<int>(insert, numbers);
    } catch (const QueryFailed& error) {
      failed = error.info().row_index;
    }
    EXPECT_EQ(failed, 0);
    AsyncConnection conn = co_await db.connection();
    const std::vector<int> more{7001, 7000};
    returned = co_await conn.execute_many_returning<int>(insert, more);
    EXPECT_EQ(returned, more);
    co_await conn.rollback();
    returned = co_await conn.within(10s).execute_many_returning<int>(insert, std::vector<int>());
    EXPECT_TRUE(returned.empty());
    conn.release();
    co_await db.execute("DROP TABLE given");
  }());
}

}  // namespace
}  // namespace copg::test
