// Every asynchronous verb, started in one expression, whose arguments are temporaries, and awaited in
// another: no argument may be read after the expression that started the call. The address sanitizer sees
// what would be.
#include <boost/asio/deferred.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <future>
#include <span>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

using Rows = std::vector<std::tuple<int, std::string>>;

struct SplitExpression : AsyncTest {
  ~SplitExpression() override {
    threads.stop();
    threads.join();
  }

  [[nodiscard]] AsyncPooledDatabase make_on_threads(PoolOptions options = {}) {
    options.timeout = 20s;
    AsyncPooledDatabase db(threads, config(), std::move(options));
    finish(db.open(asio::use_future));
    return db;
  }

  template <class T>
  static T finish(std::future<T> future) {
    if (future.wait_for(30s) != std::future_status::ready) throw std::runtime_error("not over after 30 s");
    return future.get();
  }
  template <class T>
  T finish(awaitable<T> operation) {
    return finish(asio::co_spawn(threads, std::move(operation), asio::use_future));
  }
  template <class Deferred>
  static auto finish(Deferred operation) {
    return finish(std::move(operation)(asio::use_future));
  }

  /// A temporary in the caller's expression, on the heap.
  static std::string text(const char* sql) {
    return std::string(sql) + " /* longer than a string's own place */";
  }
  static Params some(int number) { return params(number, text("value")); }

  template <class Token>
  void every_verb_of_the_pool(const Token& token);
  template <class Token>
  void every_verb_of_a_connection(const Token& token);

  asio::thread_pool threads{1};
};

constexpr const char* echo = "SELECT $1::int, $2::text";

template <class Token>
void SplitExpression::every_verb_of_the_pool(const Token& token) {
  AsyncPooledDatabase db(threads, config(), {.max_size = 2, .timeout = 20s});
  auto open = db.open(Token(token));
  finish(std::move(open));
  auto wait = db.wait(Seconds{20}, Token(token));
  finish(std::move(wait));
  auto check = db.check(Token(token));
  finish(std::move(check));

  auto execute = db.execute(text(echo), some(1), Token(token));
  EXPECT_EQ(finish(std::move(execute)).size(), 1U);
  auto all = db.template fetch_all<std::tuple<int, std::string>>(text(echo), some(2), Token(token));
  EXPECT_EQ(finish(std::move(all)), Rows({{2, text("value")}}));
  auto one = db.template fetch_one<std::tuple<int, std::string>>(text(echo), some(3), Token(token));
  EXPECT_EQ(finish(std::move(one)), std::tuple(3, text("value")));
  auto value = db.template fetch_val<int>(text("SELECT $1::int + length($2)"), some(4), Token(token));
  EXPECT_EQ(finish(std::move(value)), 4 + static_cast<int>(text("value").size()));

  auto connection = db.connection(Seconds{20}, Token(token));
  EXPECT_FALSE(finish(std::move(connection)).closed());
  auto transaction = db.transaction(
      [sql = text("CREATE TABLE split (n int, t text)")](AsyncConnection& tx) -> awaitable<int> {
        co_await tx.execute(sql);
        co_return 5;
      },
      Token(token));
  EXPECT_EQ(finish(std::move(transaction)), 5);
  auto nothing = db.transaction(
      [sql = text("SELECT 1")](AsyncConnection& tx) -> awaitable<void> { co_await tx.execute(sql); },
      Token(token));
  finish(std::move(nothing));
  auto many = db.execute_many(text("INSERT INTO split VALUES ($1, $2)"),
                              Rows{{1, text("one")}, {2, text("two")}}, Token(token));
  EXPECT_EQ(finish(std::move(many)), 2);
  auto drop = db.execute(text("DROP TABLE split"), params(), Token(token));
  finish(std::move(drop));

  auto close = db.close(Seconds{20}, Token(token));
  finish(std::move(close));
}

template <class Token>
void SplitExpression::every_verb_of_a_connection(const Token& token) {
  AsyncPooledDatabase db = make_on_threads();
  AsyncConnection conn = finish(db.connection({}, asio::use_future));

  auto execute = conn.execute(text(echo), some(1), Token(token));
  EXPECT_EQ(finish(std::move(execute)).size(), 1U);
  auto all = conn.template fetch_all<std::tuple<int, std::string>>(text(echo), some(2), Token(token));
  EXPECT_EQ(finish(std::move(all)), Rows({{2, text("value")}}));
  auto one = conn.template fetch_one<std::tuple<int, std::string>>(text(echo), some(3), Token(token));
  EXPECT_EQ(finish(std::move(one)), std::tuple(3, text("value")));
  auto value = conn.template fetch_val<int>(text("SELECT $1::int + length($2)"), some(4), Token(token));
  EXPECT_EQ(finish(std::move(value)), 4 + static_cast<int>(text("value").size()));
  auto rollback = conn.rollback(Token(token));
  finish(std::move(rollback));

  auto transaction = conn.transaction(
      [sql = text("CREATE TABLE split (n int, t text)")](AsyncConnection& tx) -> awaitable<int> {
        co_await tx.execute(sql);
        co_return 5;
      },
      Token(token));
  EXPECT_EQ(finish(std::move(transaction)), 5);
  auto nothing = conn.transaction(
      [sql = text("SELECT 1")](AsyncConnection& tx) -> awaitable<void> { co_await tx.execute(sql); },
      Token(token));
  finish(std::move(nothing));
  auto many = conn.execute_many(text("INSERT INTO split VALUES ($1, $2)"),
                                Rows{{1, text("one")}, {2, text("two")}}, Token(token));
  EXPECT_EQ(finish(std::move(many)), 2);
  auto answers =
      conn.execute(Pipeline().add(text(echo), 6, text("value")).add(text("DROP TABLE split")), Token(token));
  EXPECT_EQ(finish(std::move(answers)).size(), 2U);
  auto commit = conn.commit(Token(token));
  finish(std::move(commit));
}

TEST_F(SplitExpression, an_awaitable_of_each_verb_of_the_pool_is_awaited_later) {
  every_verb_of_the_pool(asio::use_awaitable);
}

TEST_F(SplitExpression, a_future_of_each_verb_of_the_pool_is_waited_for_later) {
  every_verb_of_the_pool(asio::use_future);
}

TEST_F(SplitExpression, a_deferred_operation_of_each_verb_of_the_pool_is_started_later) {
  every_verb_of_the_pool(asio::deferred);
}

TEST_F(SplitExpression, an_awaitable_of_each_verb_of_a_connection_is_awaited_later) {
  every_verb_of_a_connection(asio::use_awaitable);
}

TEST_F(SplitExpression, a_future_of_each_verb_of_a_connection_is_waited_for_later) {
  every_verb_of_a_connection(asio::use_future);
}

TEST_F(SplitExpression, a_deferred_operation_of_each_verb_of_a_connection_is_started_later) {
  every_verb_of_a_connection(asio::deferred);
}

TEST_F(SplitExpression, without_a_token_each_verb_of_the_pool_is_awaited_later) {
  AsyncPooledDatabase db = make_on_threads();
  auto execute = db.execute(text(echo), 1, text("value"));
  EXPECT_EQ(finish(std::move(execute)).size(), 1U);
  auto all = db.fetch_all<std::tuple<int, std::string>>(text(echo), 2, text("value"));
  EXPECT_EQ(finish(std::move(all)), Rows({{2, text("value")}}));
  auto one = db.fetch_one<std::tuple<int, std::string>>(text(echo), 3, text("value"));
  EXPECT_EQ(finish(std::move(one)), std::tuple(3, text("value")));
  auto value = db.fetch_val<std::string>(text("SELECT $1::text"), text("value"));
  EXPECT_EQ(finish(std::move(value)), text("value"));
  auto transaction = db.transaction([sql = text("SELECT 5")](AsyncConnection& tx) -> awaitable<int> {
    co_return co_await tx.fetch_val<int>(sql);
  });
  EXPECT_EQ(finish(std::move(transaction)), 5);
  auto connection = db.connection();
  EXPECT_FALSE(finish(std::move(connection)).closed());
  auto many = db.execute_many(text("SELECT $1::int, $2::text"), Rows{{1, text("one")}});
  EXPECT_EQ(finish(std::move(many)), 1);
  auto close = db.close();
  finish(std::move(close));
}

TEST_F(SplitExpression, without_a_token_each_verb_of_a_connection_is_awaited_later) {
  AsyncPooledDatabase db = make_on_threads();
  AsyncConnection conn = finish(db.connection({}, asio::use_future));
  auto execute = conn.execute(text(echo), 1, text("value"));
  EXPECT_EQ(finish(std::move(execute)).size(), 1U);
  auto all = conn.fetch_all<std::tuple<int, std::string>>(text(echo), 2, text("value"));
  EXPECT_EQ(finish(std::move(all)), Rows({{2, text("value")}}));
  auto one = conn.fetch_one<std::tuple<int, std::string>>(text(echo), 3, text("value"));
  EXPECT_EQ(finish(std::move(one)), std::tuple(3, text("value")));
  auto value = conn.fetch_val<std::string>(text("SELECT $1::text"), text("value"));
  EXPECT_EQ(finish(std::move(value)), text("value"));
  auto transaction = conn.transaction([sql = text("SELECT 5")](AsyncConnection& tx) -> awaitable<int> {
    co_return co_await tx.fetch_val<int>(sql);
  });
  EXPECT_EQ(finish(std::move(transaction)), 5);
  auto many = conn.execute_many(text("SELECT $1::int, $2::text"), Rows{{1, text("one")}});
  EXPECT_EQ(finish(std::move(many)), 1);
  auto answers = conn.execute(Pipeline().add(text(echo), 6, text("value")));
  EXPECT_EQ(finish(std::move(answers)).size(), 1U);
  auto commit = conn.commit();
  finish(std::move(commit));
}

TEST_F(SplitExpression, rows_that_are_an_lvalue_are_referred_to_and_all_others_kept) {
  class Uncopied {
   public:
    explicit Uncopied(std::vector<std::string> rows) : rows_(std::move(rows)) {}
    Uncopied(const Uncopied&) = delete;
    Uncopied& operator=(const Uncopied&) = delete;
    Uncopied(Uncopied&&) = default;
    Uncopied& operator=(Uncopied&&) = default;
    ~Uncopied() = default;
    [[nodiscard]] auto begin() const { return rows_.begin(); }
    [[nodiscard]] auto end() const { return rows_.end(); }

   private:
    std::vector<std::string> rows_;
  };
  AsyncPooledDatabase db = make_on_threads();
  const char* const sql = "SELECT $1::text";
  Uncopied rows({text("one"), text("two")});
  auto lvalue = db.execute_many(sql, rows);
  auto constant = db.execute_many(sql, std::as_const(rows));
  auto rvalue = db.execute_many(sql, Uncopied({text("three")}));
  const std::vector<std::string> four(4, text("four"));
  auto view = db.execute_many(sql, std::span(four));
  const std::span three = std::span(four).first(3);
  auto constant_view = db.execute_many(sql, three);
  EXPECT_EQ(finish(std::move(lvalue)), 2);
  EXPECT_EQ(finish(std::move(constant)), 2);
  EXPECT_EQ(finish(std::move(rvalue)), 1);
  EXPECT_EQ(finish(std::move(view)), 4);
  EXPECT_EQ(finish(std::move(constant_view)), 3);
}

TEST_F(SplitExpression, a_timeout_tells_the_place_of_a_transaction_that_was_started_earlier) {
  AsyncPooledDatabase db = make_on_threads({.min_size = 1, .max_size = 1});
  auto waits = [&db](AsyncConnection&) -> awaitable<std::string> {
    try {
      co_await db.connection(Seconds{0});
    } catch (const PoolTimeout& timeout) {
      co_return timeout.what();
    }
    co_return "a connection";
  };
  const std::string here = std::string(__FILE__) + ":";
  auto awaited = db.transaction(waits);
  const std::string first = here + std::to_string(__LINE__ - 1);
  auto future = db.transaction(waits, asio::use_future);
  const std::string second = here + std::to_string(__LINE__ - 1);
  const std::string by_future = finish(std::move(future));
  const std::string by_awaitable = finish(std::move(awaited));
  EXPECT_NE(by_future.find(second), std::string::npos) << by_future;
  EXPECT_NE(by_awaitable.find(first), std::string::npos) << by_awaitable;
}

}  // namespace
}  // namespace copg::test
