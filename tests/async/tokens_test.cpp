// Every kind of completion token, and what belongs to a handler: executor, allocator, cancellation slot.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <memory_resource>
#include <optional>
#include <thread>
#include <vector>

#include "async/async_test.hpp"

namespace copg::test {
namespace {

struct Tokens : AsyncTest {
  AsyncPooledDatabase open_pool(PoolOptions options = {}) {
    auto db = make(std::move(options));
    run([&]() -> awaitable<void> { co_await db.open(); }());
    return db;
  }
};

TEST_F(Tokens, a_callback) {
  auto db = open_pool();
  std::optional<int> value;
  db.fetch_val<int>("SELECT $1::int", params(5), [&](const std::exception_ptr& error, int given) {
    EXPECT_FALSE(error);
    value = given;
  });
  EXPECT_FALSE(value) << "completed before the call had returned";
  run_until([&] { return value.has_value(); });
  EXPECT_EQ(value, 5);
}

TEST_F(Tokens, a_callback_learns_of_an_error_after_the_call_has_returned) {
  auto db = make();  // never opened
  std::exception_ptr error;
  db.execute("SELECT 1", params(),
             [&](std::exception_ptr thrown, const Result&) { error = std::move(thrown); });
  EXPECT_FALSE(error) << "completed before the call had returned";
  run_until([&] { return error != nullptr; });
  EXPECT_THROW(std::rethrow_exception(error), PoolClosed);
}

TEST_F(Tokens, a_future_from_another_thread) {
  AsyncPooledDatabase db(config(), {.timeout = 20s});  // on a thread of its own
  db.open(asio::use_future).get();
  EXPECT_EQ(db.fetch_val<int>("SELECT 6 * $1", params(7), asio::use_future).get(), 42);
  AsyncConnection conn = db.connection({}, asio::use_future).get();
  EXPECT_EQ(conn.execute("SELECT 1", params(), asio::use_future).get().size(), 1U);
  conn.rollback(asio::use_future).get();
  const int sum = db.transaction(
                        [](AsyncConnection& tx) -> awaitable<int> {
                          const int one = co_await tx.fetch_val<int>("SELECT 1");
                          co_return one + 1;
                        },
                        asio::use_future)
                      .get();
  EXPECT_EQ(sum, 2);
  EXPECT_THROW(db.execute("SELECT 1 / 0", params(), asio::use_future).get(), QueryFailed);
  conn.release();
  db.close(5s, asio::use_future).get();
  EXPECT_THROW(db.execute("SELECT 1", params(), asio::use_future).get(), PoolClosed);
}

TEST_F(Tokens, a_tuple_in_place_of_an_exception) {
  auto db = open_pool();
  run([&]() -> awaitable<void> {
    auto [error, result] =
        co_await db.execute("SELECT 1 / $1", params(0), asio::as_tuple(asio::use_awaitable));
    EXPECT_TRUE(error);
    EXPECT_EQ(result.size(), 0U);
  }());
}

TEST_F(Tokens, a_deferred_operation_starts_when_it_gets_its_token) {
  auto db = open_pool();
  std::optional<int> value;
  auto operation = db.fetch_val<int>("SELECT 9", params(), asio::deferred);
  run([]() -> awaitable<void> { co_return; }());
  EXPECT_EQ(db.stats().requests_num, 0);
  std::move(operation)([&](const std::exception_ptr&, int given) { value = given; });
  run_until([&] { return value.has_value(); });
  EXPECT_EQ(value, 9);
}

TEST_F(Tokens, detached) {
  auto db = open_pool();
  run([&]() -> awaitable<void> { co_await db.execute("CREATE TABLE detached (n int)"); }());
  db.execute("INSERT INTO detached VALUES (1)", params(), asio::detached);
  run([&]() -> awaitable<void> {
    co_await db.close();  // waits for the lease
  }());
  PooledDatabase after = open();
  EXPECT_EQ(after.fetch_val<int>("SELECT count(*) FROM detached"), 1);
  after.execute("DROP TABLE detached");
}

TEST_F(Tokens, the_handlers_own_executor_is_where_it_runs_and_is_kept_at_work) {
  auto db = open_pool();
  asio::io_context other;
  std::thread::id ran_on;
  std::atomic<bool> done = false;
  db.fetch_val<int>("SELECT 1", params(), asio::bind_executor(other, [&](const std::exception_ptr&, int) {
                      ran_on = std::this_thread::get_id();
                      done = true;
                    }));
  std::thread thread([&] { other.run(); });  // returns at once if nothing keeps it at work
  const std::thread::id expected = thread.get_id();
  run_until([&] { return done.load(); });
  thread.join();
  EXPECT_EQ(ran_on, expected);
}

TEST_F(Tokens, the_handlers_allocator_is_used_and_everything_is_returned_before_the_handler_runs) {
  class Counting final : public std::pmr::memory_resource {
   public:
    int allocations = 0;
    int outstanding = 0;

   private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override {
      ++allocations;
      ++outstanding;
      return std::pmr::new_delete_resource()->allocate(bytes, alignment);
    }
    void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override {
      --outstanding;
      std::pmr::new_delete_resource()->deallocate(memory, bytes, alignment);
    }
    [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
      return this == &other;
    }
  };
  auto db = open_pool();
  Counting memory;
  int outstanding = -1;
  db.execute("SELECT 1", params(),
             asio::bind_allocator(
                 std::pmr::polymorphic_allocator<std::byte>(&memory),
                 [&](const std::exception_ptr&, const Result&) { outstanding = memory.outstanding; }));
  run_until([&] { return outstanding >= 0; });
  EXPECT_GT(memory.allocations, 0);
  EXPECT_EQ(outstanding, 0);
}

TEST_F(Tokens, on_a_strand_of_a_thread_pool) {
  asio::thread_pool threads(3);
  {
    AsyncPooledDatabase db(asio::make_strand(threads), config(), {.timeout = 20s});
    db.open(asio::use_future).get();
    std::vector<std::future<int>> values;
    for (int i = 0; i < 100; ++i) {
      values.push_back(db.fetch_val<int>("SELECT $1::int", params(i), asio::use_future));
    }
    for (int i = 0; i < 100; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)].get(), i);
    db.close(5s, asio::use_future).get();
  }
  threads.join();
}

TEST_F(Tokens, on_a_thread_pool) {
  asio::thread_pool threads(3);
  {
    AsyncPooledDatabase db(threads, config(), {.max_size = 5, .timeout = 20s});
    db.open(asio::use_future).get();
    std::vector<std::future<int>> values;
    for (int i = 0; i < 500; ++i) {
      values.push_back(db.fetch_val<int>("SELECT $1::int", params(i), asio::use_future));
    }
    for (int i = 0; i < 500; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)].get(), i);
    db.close(5s, asio::use_future).get();
  }
  threads.join();
}

}  // namespace
}  // namespace copg::test
