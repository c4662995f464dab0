// An explicit pipeline on an asynchronous lease: answers in order, an error for one statement alone, and the
// bad days.
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <string>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

using Answers = std::vector<PipelineAnswer>;
using Strings = std::vector<std::string>;

/// The first field, "" for no row, or the SQLSTATE.
std::string text_of(const PipelineAnswer& answer) {
  try {
    const Result& result = answer.value();
    return result.empty() ? "" : result[0][0].as<std::string>();
  } catch (const Error& error) {
    return error.info().sqlstate.empty() ? error.info().message : error.info().sqlstate.text();
  }
}

Strings texts_of(const Answers& answers) {
  Strings texts;
  for (const PipelineAnswer& answer : answers) texts.push_back(text_of(answer));
  return texts;
}

struct AsyncPipeline : AsyncTest {};

TEST_F(AsyncPipeline, answers_come_in_order_and_an_error_touches_no_other) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS run; CREATE TABLE run (n int PRIMARY KEY)");
    AsyncConnection conn = co_await db.connection();
    conn.autocommit(true);
    for (int use = 1; use <= 3; ++use) {
      Pipeline pipeline;
      pipeline.add("TRUNCATE run")
          .add("INSERT INTO run VALUES ($1)", 1)
          .add("INSERT INTO run VALUES ($1)", 1)
          .add("SELECT 1 / $1::int", 0)
          .add("INSERT INTO run VALUES ($1)", 2)
          .add("SELECT count(*) FROM run");
      const Answers answers = co_await conn.execute(std::move(pipeline));
      const Strings texts = texts_of(answers);
      EXPECT_EQ(texts.size(), 6U);
      EXPECT_EQ(texts.at(2), "23505");
      EXPECT_EQ(texts.at(3), "22012");
      EXPECT_EQ(texts.at(5), "2");
      EXPECT_TRUE(answers.at(4).has_value());
      EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
    }
    co_await conn.execute("DROP TABLE run");
  }());
}

TEST_F(AsyncPipeline, is_part_of_the_connection_s_transaction) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS run; CREATE TABLE run (n int)");
    AsyncConnection conn = co_await db.connection();
    Pipeline pipeline;
    pipeline.add("INSERT INTO run VALUES (1)").add("INSERT INTO run VALUES (2)");
    Answers answers = co_await conn.execute(pipeline);
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
    std::int64_t seen = co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM run");
    EXPECT_EQ(seen, 0) << "before the commit";
    co_await conn.commit();
    seen = co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM run");
    EXPECT_EQ(seen, 2);

    pipeline.add("SELECT 1 / 0").add("SELECT 3");
    answers = co_await conn.execute(pipeline);
    const Strings texts = texts_of(answers);
    EXPECT_EQ(texts.at(2), "22012");
    EXPECT_EQ(texts.at(3), "25P02") << "the transaction has failed";
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
    co_await conn.rollback();
    seen = co_await db.fetch_val<std::int64_t>("SELECT count(*) FROM run");
    EXPECT_EQ(seen, 2);
    co_await db.execute("DROP TABLE run");
  }());
}

TEST_F(AsyncPipeline, of_nothing_costs_nothing_and_text_and_parameters_may_die) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    Answers answers = co_await conn.execute(Pipeline());
    EXPECT_TRUE(answers.empty());
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
    std::optional<awaitable<Answers>> call;
    {
      const std::string sql = "SELECT $1::text || ' of some length, on the heap'";
      const std::string value = "a value of some length, on the heap as well";
      Pipeline pipeline;
      pipeline.add(sql, value);
      call = conn.execute(pipeline);
    }
    answers = co_await std::move(*call);
    const std::string text = text_of(answers.at(0));
    EXPECT_EQ(text, "a value of some length, on the heap as well of some length, on the heap");
  }());
}

TEST_F(AsyncPipeline, takes_callbacks_and_futures) {
  auto db = make({.min_size = 1, .max_size = 1});
  AsyncConnection conn;
  run([&]() -> awaitable<void> {
    co_await db.open();
    conn = co_await db.connection();
  }());
  Strings heard;
  Pipeline pipeline;
  pipeline.add("SELECT 1").add("SELECT 2");
  conn.execute(pipeline, [&](std::exception_ptr error, Answers answers) {
    EXPECT_FALSE(error);
    heard = texts_of(answers);
  });
  run_until([&] { return !heard.empty(); });
  EXPECT_EQ(heard, (Strings{"1", "2"}));
  std::future<Answers> future = conn.execute(pipeline, asio::use_future);
  run_until([&] { return future.wait_for(0s) == std::future_status::ready; });
  EXPECT_EQ(texts_of(future.get()), (Strings{"1", "2"}));
}

TEST_F(AsyncPipeline, whose_connection_dies_keeps_what_was_answered_and_says_what_is_unknown) {
  auto db = make({.min_size = 1, .max_size = 2});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    conn.autocommit(true);
    Pipeline pipeline;
    pipeline.add("SELECT 'answered'")
        .add("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)")
        .add("SELECT 'never'");
    const Answers answers = co_await conn.execute(std::move(pipeline));
    EXPECT_EQ(answers.size(), 3U);
    EXPECT_EQ(text_of(answers.at(0)), "answered");
    for (const std::size_t lost : {1U, 2U}) {
      bool unknown = false;
      try {
        answers.at(lost).value();
      } catch (const ConnectionFailed&) {
        unknown = true;
      }
      EXPECT_TRUE(unknown) << lost;
    }
    conn.release();
    const int next = co_await db.fetch_val<int>("SELECT 1");
    EXPECT_EQ(next, 1);
  }());
}

TEST_F(AsyncPipeline, on_a_connection_found_dead_runs_on_another) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    const int pid = co_await db.fetch_val<int>("SELECT pg_backend_pid()");
    AsyncConnection conn = co_await db.connection();
    PooledDatabase killer = open({.min_size = 1, .max_size = 1});
    killer.execute("SELECT pg_terminate_backend($1, 5000)", pid);
    Pipeline pipeline;
    pipeline.add("SELECT pg_backend_pid()").add("SELECT 'second'");
    const Answers answers = co_await conn.execute(std::move(pipeline));
    const Strings texts = texts_of(answers);
    EXPECT_NE(texts.at(0), std::to_string(pid));
    EXPECT_EQ(texts.at(1), "second");
  }());
}

TEST_F(AsyncPipeline, that_is_cancelled_or_late_leaves_the_pool_whole) {
  using namespace asio::experimental::awaitable_operators;
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    for (const bool cancelled : {true, false}) {
      AsyncConnection conn = co_await db.connection();
      Pipeline pipeline;
      pipeline.add("SELECT 1").add("SELECT pg_sleep(600)").add("SELECT 3");
      if (cancelled) {
        asio::steady_timer timer(io, 50ms);
        const auto first =
            co_await (conn.execute(std::move(pipeline)) || timer.async_wait(asio::use_awaitable));
        EXPECT_EQ(first.index(), 1U);
      } else {
        conn.timeout(Seconds(0.05));
        bool late = false;
        try {
          co_await conn.execute(std::move(pipeline));
        } catch (const QueryTimeout&) {
          late = true;
        }
        EXPECT_TRUE(late);
      }
      conn.release();
      const int next = co_await db.fetch_val<int>("SELECT 1");
      EXPECT_EQ(next, 1);
    }
    EXPECT_EQ(db.stats().connections_num, 1) << "it was cleaned, not replaced";
  }());
}

TEST_F(AsyncPipeline, of_a_pool_is_each_its_own_or_all_or_none) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS run; CREATE TABLE run (n int PRIMARY KEY)");
    Pipeline pipeline;
    pipeline.add("INSERT INTO run VALUES ($1) RETURNING 'one'", 1)
        .add("INSERT INTO run VALUES ($1)", 1)
        .add("SELECT $1::text", "last");
    for (const bool within : {false, true}) {
      co_await db.execute("TRUNCATE run");
      Answers answers;
      if (within) {
        answers = co_await db.within(10s).execute(pipeline);
      } else {
        answers = co_await db.execute(pipeline);
      }
      EXPECT_EQ(texts_of(answers), (Strings{"one", "23505", "last"}));
      co_await db.execute("TRUNCATE run");
      std::int64_t failed = -1;
      try {
        if (within) {
          co_await db.within(10s).execute_all(pipeline);
        } else {
          co_await db.execute_all(pipeline);
        }
      } catch (const QueryFailed& error) {
        failed = error.info().statement_index;
      }
      EXPECT_EQ(failed, 1);
      int seen = co_await db.fetch_val<int>("SELECT count(*) FROM run");
      EXPECT_EQ(seen, 0);
      Pipeline good;
      good.add("INSERT INTO run VALUES ($1)", 1).add("SELECT 2");
      const std::vector<Result> results = co_await db.execute_all(good);
      EXPECT_EQ(results.at(0).affected_rows(), 1);
      EXPECT_EQ(results.at(1).to_value<int>(), 2);
      seen = co_await db.fetch_val<int>("SELECT count(*) FROM run");
      EXPECT_EQ(seen, 1);
    }
    const std::vector<Result> none = co_await db.execute_all(Pipeline());
    EXPECT_TRUE(none.empty());
    co_await db.execute("DROP TABLE run");
  }());
}

TEST_F(AsyncPipeline, all_or_none_on_a_lease_belong_to_its_transaction_and_take_any_token) {
  auto db = make({.min_size = 1, .max_size = 2});
  AsyncConnection conn;
  run([&]() -> awaitable<void> {
    co_await db.open();
    conn = co_await db.connection();
    Pipeline good;
    good.add("SELECT 1").add("SELECT 2");
    const std::vector<Result> results = co_await conn.within(10s).execute_all(good);
    EXPECT_EQ(results.at(1).to_value<int>(), 2);
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::in_transaction);
    Pipeline wrong;
    wrong.add("SELECT 1").add("SELECT 1 / 0");
    std::int64_t failed = -1;
    try {
      co_await conn.execute_all(wrong);
    } catch (const QueryFailed& error) {
      failed = error.info().statement_index;
    }
    EXPECT_EQ(failed, 1);
    EXPECT_EQ(conn.transaction_status(), TransactionStatus::failed);
    co_await conn.rollback();
  }());
  std::future<std::vector<Result>> future = conn.execute_all(Pipeline().add("SELECT 7"), asio::use_future);
  run_until([&] { return future.wait_for(0s) == std::future_status::ready; });
  EXPECT_EQ(future.get().at(0).to_value<int>(), 7);
}

TEST_F(AsyncPipeline, all_or_none_that_is_cancelled_or_killed_leaves_the_pool_whole) {
  using namespace asio::experimental::awaitable_operators;
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("DROP TABLE IF EXISTS run; CREATE TABLE run (n int)");
    Pipeline pipeline;
    pipeline.add("INSERT INTO run VALUES (1)").add("SELECT pg_sleep(600)").add("INSERT INTO run VALUES (2)");
    asio::steady_timer timer(io, 50ms);
    const auto first = co_await (db.execute_all(pipeline) || timer.async_wait(asio::use_awaitable));
    EXPECT_EQ(first.index(), 1U);
    int seen = co_await db.fetch_val<int>("SELECT count(*) FROM run");
    EXPECT_EQ(seen, 0);
    EXPECT_EQ(db.stats().connections_num, 1) << "it was cleaned, not replaced";
    Pipeline killed;
    killed.add("INSERT INTO run VALUES (1)")
        .add("SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(600)");
    bool unknown = false;
    try {
      co_await db.execute_all(killed);
    } catch (const CommitUnknown&) {
      unknown = true;
    }
    EXPECT_TRUE(unknown);
    seen = co_await db.fetch_val<int>("SELECT count(*) FROM run");
    EXPECT_EQ(seen, 0);
    co_await db.execute("DROP TABLE run");
  }());
}

TEST_F(AsyncPipeline, refuses_what_cannot_travel_for_that_statement_alone) {
  auto db = make({.min_size = 1, .max_size = 1});
  run([&]() -> awaitable<void> {
    co_await db.open();
    AsyncConnection conn = co_await db.connection();
    conn.autocommit(true);
    Pipeline pipeline;
    pipeline.add("SELECT 1; SELECT 2").add("SELECT 3").add("COPY pg_class TO STDOUT");
    const Answers answers = co_await conn.execute(std::move(pipeline));
    EXPECT_TRUE(answers.at(0).has_error());
    EXPECT_EQ(text_of(answers.at(1)), "3");
    bool refused = false;
    try {
      answers.at(2).value();
    } catch (const UsageError&) {
      refused = true;
    }
    EXPECT_TRUE(refused);
    conn.release();
    bool given_back = false;
    try {
      conn.execute(Pipeline(), asio::detached);
    } catch (const UsageError&) {
      given_back = true;
    }
    EXPECT_TRUE(given_back);
  }());
}

}  // namespace
}  // namespace copg::test
