// Statements of several callers that travel together over one connection: whose answer is whose, and what an
// error, a cancel, a deadline or a death does to the others.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include <future>
#include <string>
#include <thread>
#include <vector>

#include "async/async_test.hpp"
#include "support/eventually.hpp"
#include "support/gate.hpp"
#include "support/half_close.hpp"

namespace copg::test {
namespace {

/// What a call came to.
struct Answer {
  std::string text{};  // the value, or what went wrong
  bool over = false;
};

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const QueryFailed& failed) {
    return failed.sqlstate().text();
  } catch (const PoolTimeout&) {
    return "late";
  } catch (const QueryTimeout&) {
    return "late";
  } catch (const ConnectionFailed&) {
    return "lost";
  } catch (const boost::system::system_error&) {
    return "cancelled";
  } catch (const std::exception& other) {
    return other.what();
  }
}

/// Pools of one connection, which is leased while statements queue up, so that they travel in one run.
struct Sharing : AsyncTest {
  AsyncPooledDatabase& open_pool(PoolOptions options = {}) {
    options.min_size = options.max_size = 1;
    db = std::make_unique<AsyncPooledDatabase>(make(std::move(options)));
    run([&]() -> awaitable<void> {
      co_await db->open();
      lease = co_await db->connection();
    }());
    return *db;
  }
  auto into(Answer& answer) {
    return [&answer](const std::exception_ptr& error, const Result& result) {
      EXPECT_FALSE(answer.over) << "completed twice";
      answer = {error ? text_of(error) : result.empty() ? "" : std::string(result[0][0].text()), true};
    };
  }
  void ask(const std::string& sql, Answer& answer) { db->execute(sql, params(), into(answer)); }
  std::vector<std::string> answers_to(const std::vector<std::string>& statements) {
    std::vector<Answer> answers(statements.size());
    for (std::size_t i = 0; i < statements.size(); ++i) ask(statements[i], answers[i]);
    lease.release();
    run_until([&] { return std::ranges::all_of(answers, &Answer::over); });
    std::vector<std::string> texts;
    for (const Answer& answer : answers) texts.push_back(answer.text);
    return texts;
  }
  void expect_rest() {
    run_until([&] {
      const PoolStats now = db->stats();
      return now.leased == 0 && now.requests_waiting == 0 && now.resetting == 0 && now.pool_available == 1;
    });
  }

  /// The server works on a statement that counts.
  void run_until_sent() {
    PooledDatabase observer = open({.min_size = 1, .max_size = 1});
    run_until([&] {
      return observer.fetch_val<bool>(
          "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT "
          "count(*)%' "
          "AND pid <> pg_backend_pid())");
    });
  }

  std::unique_ptr<AsyncPooledDatabase> db;
  AsyncConnection lease;
};
using Texts = std::vector<std::string>;

TEST_F(Sharing, those_that_wait_travel_together_and_each_gets_its_own_answer) {
  open_pool();
  Texts statements, expected;
  for (int i = 0; i < 40; ++i) {
    expected.push_back(std::to_string(i));
    statements.push_back("SELECT " + expected.back());
  }
  EXPECT_EQ(answers_to(statements), expected);
  EXPECT_EQ(db->stats().statements_shared, 40U);
  EXPECT_EQ(db->stats().runs_num, 3U);
  EXPECT_EQ(db->stats().runs_largest, 16U);
  expect_rest();
}

TEST_F(Sharing, an_error_touches_no_other) {
  open_pool();
  EXPECT_EQ(answers_to({"SELECT 1", "SELECT 1 / (2 - 2)", "SELEC 3", "SELECT 4", "SELECT * FROM nowhere",
                        "SELECT 6"}),
            (Texts{"1", "22012", "42601", "4", "42P01", "6"}));
  EXPECT_GE(db->stats().statements_shared, 4U);
  expect_rest();
}

TEST_F(Sharing, a_write_has_nothing_behind_it_and_what_keeps_something_goes_alone) {
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  other.execute("DROP TABLE IF EXISTS shared; CREATE TABLE shared (n int)");
  open_pool();
  EXPECT_EQ(answers_to({"SELECT 1", "INSERT INTO shared VALUES (1) RETURNING 'in'",
                        "SELECT count(*) FROM shared", "SET application_name = 'mine'",
                        "SELECT current_setting('application_name') <> 'mine'", "BEGIN", "SAVEPOINT s"}),
            (Texts{"1", "in", "1", "", "t", "", "25P01"}));
  EXPECT_EQ(db->stats().statements_shared, 2U) << "the first two";
  expect_rest();
}

TEST_F(Sharing, switched_off_nobody_travels_with_others) {
  open_pool({.share = false});
  EXPECT_EQ(answers_to({"SELECT 1", "SELECT 2", "SELECT 3"}), (Texts{"1", "2", "3"}));
  EXPECT_EQ(db->stats().statements_shared, 0U);
}

TEST_F(Sharing, a_cancelled_one_leaves_the_others_their_answers) {
  open_pool();
  // On the way behind a slow one, which nobody knows to be slow yet.
  Answer slow, cancelled, last;
  asio::cancellation_signal signal;
  ask("SELECT count(*) FROM generate_series(1, 3000000)", slow);
  db->execute("SELECT 2", params(), asio::bind_cancellation_slot(signal.slot(), into(cancelled)));
  ask("SELECT 3", last);
  lease.release();
  run_until_sent();
  signal.emit(asio::cancellation_type::terminal);
  run_until([&] { return cancelled.over; });
  EXPECT_FALSE(slow.over);
  run_until([&] { return slow.over && last.over; });
  EXPECT_EQ(slow.text, "3000000");
  EXPECT_EQ(cancelled.text, "cancelled");
  EXPECT_EQ(last.text, "3");
  expect_rest();
}

TEST_F(Sharing, a_total_cancellation_comes_too_late_for_one_that_was_sent_behind_another) {
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  other.execute("DROP TABLE IF EXISTS counted; CREATE TABLE counted (n int)");
  open_pool();
  Answer first, sent;
  asio::cancellation_signal signal;
  ask("SELECT count(*) FROM generate_series(1, 3000000)", first);
  db->execute("INSERT INTO counted VALUES (1) RETURNING 'in'", params(),
              asio::bind_cancellation_slot(signal.slot(), into(sent)));
  lease.release();
  run_until_sent();
  signal.emit(asio::cancellation_type::total);
  run_until([&] { return first.over && sent.over; });
  EXPECT_EQ(first.text, "3000000");
  EXPECT_EQ(sent.text, "in") << "nothing tells whether it had an effect";
  EXPECT_EQ(other.fetch_val<int>("SELECT count(*)::int FROM counted"), 1);
  expect_rest();
}

TEST_F(Sharing, when_its_driver_is_cancelled_another_drives_on) {
  open_pool();
  Answer driver, second, third;
  asio::cancellation_signal signal;
  db->execute("SELECT count(*) FROM generate_series(1, 3000000)", params(),
              asio::bind_cancellation_slot(signal.slot(), into(driver)));
  ask("SELECT 2", second);
  ask("SELECT 3", third);
  lease.release();
  run_until_sent();
  signal.emit(asio::cancellation_type::terminal);
  run_until([&] { return driver.over; });
  EXPECT_EQ(driver.text, "cancelled");
  run_until([&] { return second.over && third.over; });
  EXPECT_EQ(second.text, "2");
  EXPECT_EQ(third.text, "3");
  expect_rest();
}

TEST_F(Sharing, one_that_gives_up_when_it_is_to_drive_on_takes_its_run_along) {
  open_pool();
  asio::io_context elsewhere(1);
  AsyncPooledDatabase other(elsewhere, db->sync());
  Answer first, second, third, fourth;
  asio::cancellation_signal signal;
  ask("SELECT 1", first);
  other.execute("SELECT count(*) FROM generate_series(1, 1000000000)", params(),
                asio::bind_cancellation_slot(signal.slot(), into(second)));
  lease.release();
  run_until([&] { return first.over; });
  // The other event loop does not run: the second has the connection, and does not know it yet.
  signal.emit(asio::cancellation_type::terminal);
  expect_rest();
  run([&]() -> awaitable<void> { lease = co_await db->connection(); }());
  ask("SELECT 3", third);
  ask("SELECT 4", fourth);
  lease.release();
  run_until([&] { return third.over && fourth.over; });
  EXPECT_EQ(third.text, "3");
  EXPECT_EQ(fourth.text, "4");
  EXPECT_EQ(db->stats().statements_shared, 4U) << "what was left of the first run was taken for the second";
  elsewhere.run_for(10s);
  EXPECT_EQ(second.text, "cancelled");
}

TEST_F(Sharing, when_all_are_cancelled_the_server_is_told_and_the_connection_serves_again) {
  open_pool();
  std::vector<Answer> answers(3);
  std::vector<asio::cancellation_signal> signals(3);
  const int pid = lease.backend_pid();
  for (std::size_t i = 0; i < 3; ++i) {
    db->execute("SELECT count(*) FROM generate_series(1, 1000000000)", params(),
                asio::bind_cancellation_slot(signals[i].slot(), into(answers[i])));
  }
  lease.release();
  run_until_sent();
  for (auto& signal : signals) signal.emit(asio::cancellation_type::terminal);
  run_until([&] { return std::ranges::all_of(answers, &Answer::over); });
  Answer next;
  ask("SELECT pg_backend_pid()", next);
  run_until([&] { return next.over; });
  EXPECT_EQ(next.text, std::to_string(pid));
  expect_rest();
}

TEST_F(Sharing, each_has_its_own_deadline) {
  open_pool({.timeout = Seconds(0.4)});
  Answer first, second;
  const auto begun = std::chrono::steady_clock::now();
  ask("SELECT count(*) FROM generate_series(1, 1000000000)", first);
  run([]() -> awaitable<void> {
    asio::steady_timer timer(co_await asio::this_coro::executor, 150ms);
    co_await timer.async_wait(asio::use_awaitable);
  }());
  ask("SELECT count(*) FROM generate_series(1, 1000000001)", second);
  lease.release();
  run_until([&] { return first.over; });
  EXPECT_FALSE(second.over);
  run_until([&] { return second.over; });
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
  EXPECT_EQ(first.text, "late");
  EXPECT_EQ(second.text, "late");
  expect_rest();
}

TEST_F(Sharing, when_the_connection_dies_the_answered_keep_their_answers_and_the_others_are_told) {
  open_pool();
  const auto texts =
      answers_to({"SELECT 1", "SELECT 2", "SELECT count(pg_terminate_backend(pg_backend_pid()))"});
  // The last may write, as far as its words tell: nothing is behind it.
  EXPECT_EQ(texts, (Texts{"1", "2", "lost"}));
  expect_rest();
  Answer next;
  ask("SELECT 4", next);
  run_until([&] { return next.over; });
  EXPECT_EQ(next.text, "4");
}

TEST_F(Sharing, a_connection_found_dead_is_replaced_for_all) {
  open_pool();
  PooledDatabase killer = open({.min_size = 1, .max_size = 1});
  const int pid = lease.backend_pid();
  std::vector<Answer> answers(3);
  for (Answer& answer : answers) ask("SELECT 'served'", answer);
  killer.execute("SELECT pg_terminate_backend($1, 5000)", pid);
  lease.release();
  run_until([&] { return std::ranges::all_of(answers, &Answer::over); });
  for (const Answer& answer : answers) EXPECT_EQ(answer.text, "served");
  expect_rest();
}

TEST_F(Sharing, threads_and_coroutines_travel_together) {
  open_pool();
  PooledDatabase threads = db->sync();
  std::vector<Answer> answers(4);
  std::vector<std::future<int>> values;
  const auto waiting = [&] { return db->stats().requests_waiting; };
  for (int i = 0; i < 4; ++i) {
    values.push_back(std::async(std::launch::async, [&threads, i] {
      return threads.fetch_val<int>("SELECT $1::int FROM generate_series(1, 10000) LIMIT 1", i);
    }));
    ASSERT_TRUE(eventually([&] { return waiting() == 2 * static_cast<std::uint64_t>(i) + 1; }));
    ask("SELECT " + std::to_string(10 * i), answers[static_cast<std::size_t>(i)]);
  }
  lease.release();
  run_until([&] { return std::ranges::all_of(answers, &Answer::over); });
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(values[static_cast<std::size_t>(i)].get(), i);
    EXPECT_EQ(answers[static_cast<std::size_t>(i)].text, std::to_string(10 * i));
  }
  EXPECT_EQ(db->stats().statements_shared, 8U);
  expect_rest();
}

TEST_F(Sharing, closing_tells_everybody) {
  open_pool();
  std::vector<Answer> answers(5);
  for (Answer& answer : answers) ask("SELECT count(*) FROM generate_series(1, 1000000000)", answer);
  lease.release();
  run_until_sent();
  run([&]() -> awaitable<void> { co_await db->close(Seconds(0.1)); }());
  run_until([&] { return std::ranges::all_of(answers, &Answer::over); });
  for (const Answer& answer : answers) EXPECT_NE(answer.text, "1000000000");
}

TEST_F(Sharing, a_pool_destroyed_with_a_run_on_its_way_tells_everybody) {
  open_pool();
  std::vector<Answer> answers(5);
  for (Answer& answer : answers) ask("SELECT count(*) FROM generate_series(1, 2000000)", answer);
  lease.release();
  run_until_sent();
  db.reset();
  run_until([&] { return std::ranges::all_of(answers, &Answer::over); });
  run_out();
}

/// `close` comes after a statement was granted a connection, and before the statement is sent.
struct SharingClosed : Sharing {
  enum class When : std::uint8_t { granted, taken };

  void test(When when, std::size_t statements, bool dead) {
    SCOPED_TRACE(::testing::Message()
                 << "taken: " << (when == When::taken) << ", statements: " << statements);
    Gate gate(server().port());
    const auto half = std::make_shared<HalfClose>();
    PooledDatabase pool(Config::from_url(gate.url()),
                        {.min_size = 1, .max_size = 2, .timeout = 5s, .observer = half});
    AsyncPooledDatabase face(io, pool);
    const Connection first = pool.connection();
    Connection second = pool.connection();
    const auto reset_if_dead = [&] {  // after the grant: before it, the pool would hear of it
      if (!dead) return;
      gate.reset_all();
      EXPECT_TRUE(eventually([&] { return gate.connections() == 0; }));
    };
    std::vector<Answer> answers(statements);
    for (Answer& answer : answers) face.execute("SELECT 1", params(), into(answer));
    ASSERT_EQ(pool.stats().requests_waiting, statements);
    if (when == When::taken) half->begin_at_next_grant(pool, reset_if_dead);
    second.release();
    if (when == When::granted) {  // before the event loop gets to run
      reset_if_dead();
      half->begin(pool);
    }
    run_until([&] { return std::ranges::all_of(answers, &Answer::over); }, 10s);
    half->finish();
    for (const Answer& answer : answers)
      EXPECT_NE(answer.text.find("closed"), std::string::npos) << answer.text;
    EXPECT_EQ(pool.stats().pool_size, 0U);
    EXPECT_EQ(pool.stats().closing, 0U);
  }
};

TEST_F(SharingClosed, between_grant_and_run_is_what_the_statements_say) {
  for (const When when : {When::granted, When::taken}) {
    for (const std::size_t statements : {1U, 3U}) test(when, statements, false);
  }
}

TEST_F(SharingClosed, is_what_the_statements_say_also_if_the_connection_is_found_dead) {
  for (const When when : {When::granted, When::taken}) {
    for (const std::size_t statements : {1U, 3U}) test(when, statements, true);
  }
}

}  // namespace
}  // namespace copg::test
