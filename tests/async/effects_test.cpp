// As integration/effects_test.cpp, on an event loop.
#include "async/async_test.hpp"

#include <string>

namespace copg::test {
namespace {

class AsyncEffects : public AsyncTest {
 protected:
  /// The info of the error that the awaitable ends with.
  template <class E = DataError, class T>
  static awaitable<ErrorInfo> error_of(awaitable<T> call) {
    try {
      co_await std::move(call);
    } catch (const E& error) {
      co_return error.info();
    }
    ADD_FAILURE() << "no error";
    co_return ErrorInfo();
  }
};

TEST_F(AsyncEffects, a_write_without_returning_gives_nothing_and_no_error) {
  AsyncPooledDatabase db = make();
  const auto body = [&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("CREATE TABLE async_nothing (x int)");
    const std::optional<int> one = co_await db.fetch_one<int>("INSERT INTO async_nothing VALUES (1)");
    EXPECT_EQ(one, std::nullopt);
    const auto value = co_await db.fetch_val<std::optional<int>>("INSERT INTO async_nothing VALUES (2)");
    EXPECT_EQ(value, std::nullopt);
    AsyncConnection connection = co_await db.connection();
    const std::optional<int> third =
        co_await connection.fetch_one<int>("INSERT INTO async_nothing VALUES (3)");
    EXPECT_EQ(third, std::nullopt);
    co_await connection.commit();
    const int count = co_await db.fetch_val<int>("SELECT count(*)::int FROM async_nothing");
    EXPECT_EQ(count, 3);
  };
  run(body());
}

TEST_F(AsyncEffects, a_value_of_a_write_that_cant_be_read_says_what_became_of_the_write) {
  AsyncPooledDatabase db = make();
  const auto body = [&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("CREATE TABLE async_effects (x int)");
    const std::string sql = "INSERT INTO async_effects VALUES (1) RETURNING 3000000000";
    ErrorInfo error = co_await error_of(db.fetch_val<int>(sql));
    EXPECT_TRUE(error.committed);
    EXPECT_TRUE(error.message.ends_with("; the statement (INSERT 0 1) was executed and committed"))
        << error.message;
    AsyncConnection connection = co_await db.connection();
    error = co_await error_of(connection.fetch_val<int>(sql));
    EXPECT_TRUE(error.executed);
    EXPECT_FALSE(error.committed);
    EXPECT_TRUE(error.message.ends_with("was executed, and its transaction was still open then"))
        << error.message;
    connection.release();
    const int count = co_await db.fetch_val<int>("SELECT count(*)::int FROM async_effects");
    EXPECT_EQ(count, 1);
    error = co_await error_of(db.fetch_val<int>("SELECT 3000000000"));
    EXPECT_FALSE(error.executed);
  };
  run(body());
}

TEST_F(AsyncEffects, what_can_be_known_before_a_write_is_refused_before_it) {
  AsyncPooledDatabase db = make();
  const auto body = [&]() -> awaitable<void> {
    co_await db.open();
    co_await db.execute("CREATE TABLE async_refused (x int)");
    AsyncConnection connection = co_await db.connection();
    const std::string two = "INSERT INTO async_refused VALUES (1) RETURNING x, x";
    ErrorInfo error = co_await error_of(db.fetch_one<int>(two));
    EXPECT_TRUE(error.message.ends_with("; nothing was executed")) << error.message;
    error = co_await error_of(connection.fetch_all<int>(two));
    EXPECT_TRUE(error.message.ends_with("; nothing was executed")) << error.message;
    error = co_await error_of(connection.fetch_val<Uuid>("INSERT INTO async_refused VALUES (1) RETURNING x"));
    EXPECT_FALSE(error.executed);
    const std::string none = "DELETE FROM async_refused";
    error = co_await error_of<UsageError>(db.fetch_val<int>(none));
    EXPECT_EQ(error.query, none);
    error = co_await error_of<UsageError>(connection.fetch_val<int>(none));
    EXPECT_EQ(error.query, none);
    co_await connection.commit();
    const int count = co_await db.fetch_val<int>("SELECT count(*)::int FROM async_refused");
    EXPECT_EQ(count, 0);
    const int one = co_await db.fetch_val<int>("INSERT INTO async_refused VALUES (1) RETURNING x");
    EXPECT_EQ(one, 1);
  };
  run(body());
}

}  // namespace
}  // namespace copg::test
