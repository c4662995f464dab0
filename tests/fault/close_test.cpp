// Closing: bounded, idempotent, and nothing is left.
#include "integration/database_test.hpp"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "support/gate.hpp"
#include "support/half_close.hpp"
#include "support/process_census.hpp"
#include "sync/call.hpp"

namespace copg::test {
namespace {

class Close : public DatabaseTest {};

TEST_F(Close, leaves_no_socket_thread_or_session) {
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  watch.wait();
  const auto sessions = [&] {
    return watch.fetch_val<int>(
        "SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'");
  };
  ASSERT_TRUE(eventually([&] { return sessions() == 1; }));
  const Census before;
  for (int round = 0; round < 5; ++round) {
    PooledDatabase db = open({.min_size = 4, .max_size = 8});
    std::vector<Connection> leases;
    for (int i = 0; i < 6; ++i) leases.push_back(db.connection());
    for (Connection& lease : leases) lease.execute("SELECT 1");
    leases.clear();
    EXPECT_GT(Census().descriptors, before.descriptors);
    EXPECT_GT(Census().threads, before.threads);
    db.close();
    EXPECT_TRUE(Census().within(before));
  }
  EXPECT_TRUE(eventually([&] { return sessions() == 1; }));
}

TEST_F(Close, is_idempotent_and_every_call_after_it_says_so) {
  PooledDatabase db = open();
  db.wait();
  db.close();
  db.close();
  EXPECT_THROW(db.execute("SELECT 1"), PoolClosed);
  EXPECT_THROW((void)db.connection(), PoolClosed);
  EXPECT_THROW(db.execute_many("SELECT $1::int", std::vector<int>{1}), PoolClosed);
  EXPECT_THROW(db.transaction([](Connection&) {}), PoolClosed);
  EXPECT_THROW(db.check(), PoolClosed);
  EXPECT_THROW(db.wait(), PoolClosed);
  db.drain();
  db.suspend();
  db.resume();
  db.resize(1, 2);
  EXPECT_EQ(db.stats().pool_size, 0U);
}

TEST_F(Close, tells_waiting_callers_at_once) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  std::optional<Connection> held = db.connection();
  auto waiting = std::async(std::launch::async, [&] { db.execute("SELECT 1"); });
  ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
  std::thread closer([&] { db.close(10s); });
  const auto taken = time_of([&] { EXPECT_THROW(waiting.get(), PoolClosed); });
  EXPECT_LT(taken.count(), 2);
  EXPECT_EQ(held->fetch_val<int>("SELECT 1"), 1) << "a lease has the time that close gives";
  const auto end = time_of([&] {
    held.reset();
    closer.join();
  });
  EXPECT_LT(end.count(), 2) << "close waited longer than for the last lease";
}

TEST_F(Close, cuts_off_a_lease_that_is_kept) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection kept = db.connection();
  kept.execute("SELECT 1");
  const auto taken = time_of([&] { db.close(100ms); });
  EXPECT_GE(taken.count(), 0.1);
  EXPECT_LT(taken.count(), 1.5);
  EXPECT_THROW(kept.execute("SELECT 1"), PoolClosed);
  EXPECT_THROW((void)kept.transaction_status(), PoolClosed);
  EXPECT_THROW((void)kept.backend_pid(), PoolClosed);
  EXPECT_THROW(kept.commit(), PoolClosed);
  EXPECT_THROW(kept.rollback(), PoolClosed);
  EXPECT_THROW(kept.transaction([](Connection&) {}), PoolClosed);
}

TEST_F(Close, cuts_off_a_transaction_object_without_a_crash) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection kept = db.connection();
  {
    Transaction transaction(kept);
    kept.execute("SELECT 1");
    db.close(0s);
    EXPECT_THROW(transaction.commit(), PoolClosed);
  }
  {
    PooledDatabase other = open({.min_size = 1, .max_size = 1});
    Connection lease = other.connection();
    const Transaction dropped(lease);
    lease.execute("SELECT 1");
    other.close(0s);
  }
}

TEST_F(Close, cuts_off_a_statement_that_is_running) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  auto query = std::async(std::launch::async, [&] { db.execute("SELECT pg_sleep(60)"); });
  ASSERT_TRUE(eventually([&] { return db.stats().leased == 1; }));
  const auto taken = time_of([&] { db.close(100ms); });
  EXPECT_LT(taken.count(), 2);
  EXPECT_THROW(query.get(), PoolClosed);
}

/// How many sessions run this statement.
int running(PooledDatabase& watch, const std::string& sql) {
  return watch.fetch_val<int>(
      "SELECT count(*)::int FROM pg_stat_activity WHERE state = 'active' AND query = $1", sql);
}

TEST_F(Close, ends_on_the_server_what_it_cuts_off) {
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  const std::string sleeps = "SELECT pg_sleep(60)";
  const std::string computes = "SELECT count(*) FROM (SELECT generate_series(1, 1000000000)) AS numbers";
  for (const std::string& sql : {sleeps, computes}) {
    PooledDatabase db = open({.min_size = 2, .max_size = 2});
    db.wait();
    std::vector<std::future<void>> calls;
    for (int i = 0; i < 8; ++i) calls.push_back(std::async(std::launch::async, [&] { db.execute(sql); }));
    ASSERT_TRUE(eventually([&] { return running(watch, sql) == 2; }));
    db.close(0s);
    EXPECT_EQ(db.stats().pool_size, 0U);
    EXPECT_TRUE(eventually([&] { return running(watch, sql) == 0; }, 1s)) << sql;
    for (std::future<void>& call : calls) EXPECT_THROW(call.get(), PoolClosed);
  }
}

TEST_F(Close, ends_on_the_server_what_a_reset_was_about_to_end) {
  PooledDatabase watch = open({.min_size = 1, .max_size = 1});
  const std::string sql = "SELECT pg_sleep(60)";
  PooledDatabase db(config(), {.min_size = 1, .max_size = 1, .timeout = 500ms});
  EXPECT_THROW(db.execute(sql), QueryTimeout);
  db.close();
  EXPECT_TRUE(eventually([&] { return running(watch, sql) == 0; }, 1s));
}

TEST_F(Close, gives_up_connects_in_flight) {
  Gate gate(server().port());
  gate.fall_silent();
  const Census before;
  PooledDatabase db(Config::from_url(gate.url()), {.min_size = 3, .max_size = 3});
  ASSERT_TRUE(eventually([&] { return gate.accepted() == 3; }));
  EXPECT_LT(time_of([&] { db.close(); }).count(), 2);
  gate.open();
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
  EXPECT_EQ(db.stats().connecting, 0U);
}

TEST_F(Close, gives_up_names_that_are_being_resolved) {
  const auto taken = time_of([] { const PooledDatabase db(Config{.host = "no-such-host.invalid"}); });
  EXPECT_LT(taken.count(), 6);
}

TEST_F(Close, right_after_opening_is_harmless) {
  const Census before;
  for (int i = 0; i < 20; ++i) const PooledDatabase db = open({.min_size = 3, .max_size = 3});
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

TEST_F(Close, by_many_threads_at_once_returns_in_each_when_nothing_is_left) {
  const Census before;
  for (int round = 0; round < 10; ++round) {
    PooledDatabase db = open({.min_size = 2, .max_size = 4});
    db.wait();
    std::vector<std::thread> closers;
    for (int i = 0; i < 4; ++i) closers.emplace_back([&] { db.close(1s); });
    for (std::thread& closer : closers) closer.join();
    EXPECT_EQ(db.stats().pool_size, 0U);
  }
  EXPECT_TRUE(Census().within(before));
}

struct Closer final : Observer {
  enum class From : std::uint8_t { opened, closed, reset, acquired, released };
  explicit Closer(From from) : from_(from) {}
  void opened(const event::Opened&) noexcept override { close_if(From::opened); }
  void closed(const event::Closed&) noexcept override { close_if(From::closed); }
  void reset(const event::Reset&) noexcept override { close_if(From::reset); }
  void acquired(const event::Acquired&) noexcept override { close_if(From::acquired); }
  void released(const event::Released&) noexcept override { close_if(From::released); }
  void close_if(From from) noexcept {
    PooledDatabase* pool = db;
    if (pool == nullptr || from != from_) return;
    pool->close(100ms);
    done = true;
  }
  std::atomic<PooledDatabase*> db = nullptr;
  std::atomic<bool> done = false;

 private:
  From from_;
};

TEST_F(Close, from_inside_any_hook_ends_the_pool) {
  const Census before;
  for (const auto from : {Closer::From::opened, Closer::From::closed, Closer::From::reset,
                          Closer::From::acquired, Closer::From::released}) {
    const auto closer = std::make_shared<Closer>(from);
    PooledDatabase db = open({.min_size = 2, .max_size = 2, .observer = closer});
    db.wait();
    closer->db = &db;
    try {
      db.drain();
      for (int i = 0; i < 1000 && !closer->done; ++i) db.execute("SET work_mem = '1MB'");
    } catch (const PoolClosed&) {
    }
    EXPECT_TRUE(eventually([&] { return closer->done.load(); })) << static_cast<int>(from);
    EXPECT_THROW(db.execute("SELECT 1"), PoolClosed);
    closer->db = nullptr;
  }
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
}

/// What the thread that is to be granted a connection does while it sleeps, until that returns true.
struct WhileAsleep {
  explicit WhileAsleep(std::function<bool()> work) : work_(std::move(work)) {
    current_ = this;
    sync::set_interrupt_check([] {
      WhileAsleep& it = *current_;
      if (chosen_ && !it.done_) it.done_ = it.work_();
    });
  }
  WhileAsleep(const WhileAsleep&) = delete;
  WhileAsleep& operator=(const WhileAsleep&) = delete;
  ~WhileAsleep() { sync::set_interrupt_check(nullptr); }
  static void choose_this_thread() { chosen_ = true; }

 private:
  static inline thread_local bool chosen_ = false;
  static inline std::atomic<WhileAsleep*> current_ = nullptr;
  const std::function<bool()> work_;
  bool done_ = false;
};

/// `close` comes after a statement was granted a connection, and before the statement is sent.
class ClosedAfterGrant : public Close {
 protected:
  enum class When : std::uint8_t { granted, taken };

  static void test(When when, int statements, bool dead) {
    SCOPED_TRACE(::testing::Message()
                 << "taken: " << (when == When::taken) << ", statements: " << statements);
    Gate gate(server().port());
    const auto half = std::make_shared<HalfClose>();
    PooledDatabase db(Config::from_url(gate.url()),
                      {.min_size = 1, .max_size = 2, .timeout = 5s, .observer = half});
    const Connection first = db.connection();
    Connection second = db.connection();
    const auto reset_if_dead = [&] {  // after the grant: before it, the pool would hear of it
      if (!dead) return;
      gate.reset_all();
      EXPECT_TRUE(eventually([&] { return gate.connections() == 0; }));
    };
    const auto all_wait = [&] {
      return db.stats().requests_waiting == static_cast<std::uint64_t>(statements);
    };
    std::optional<WhileAsleep> look;
    if (when == When::granted) {
      look.emplace([&] {
        if (!all_wait()) return false;
        second.release();
        reset_if_dead();
        half->begin(db);
        return true;
      });
    }
    std::vector<std::future<void>> calls;
    for (int i = 1; i <= statements; ++i) {
      calls.push_back(std::async(std::launch::async, [&, i] {
        if (i == 1) WhileAsleep::choose_this_thread();
        db.execute("SELECT 1");
      }));
      if (i < statements) {
        ASSERT_TRUE(eventually([&] { return db.stats().requests_waiting == static_cast<std::uint64_t>(i); }));
      }
    }
    if (when == When::taken) {
      ASSERT_TRUE(eventually(all_wait));
      half->begin_at_next_grant(db, reset_if_dead);
      second.release();
    }
    for (std::future<void>& call : calls) EXPECT_THROW(call.get(), PoolClosed);
    half->finish();
    EXPECT_EQ(db.stats().pool_size, 0U);
    EXPECT_EQ(db.stats().closing, 0U);
  }
};

TEST_F(ClosedAfterGrant, the_statements_of_a_run_say_so) {
  for (const When when : {When::granted, When::taken}) {
    for (const int statements : {1, 3}) test(when, statements, false);
  }
}

TEST_F(ClosedAfterGrant, the_statements_say_so_also_if_the_connection_is_found_dead) {
  for (const When when : {When::granted, When::taken}) {
    for (const int statements : {1, 3}) test(when, statements, true);
  }
}

TEST_F(Close, under_load_gives_every_caller_an_answer) {
  for (int round = 0; round < 5; ++round) {
    PooledDatabase db = open({.min_size = 2, .max_size = 4});
    std::atomic<int> ended = 0;
    std::atomic<int> surprises = 0;
    std::atomic<int> served = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 8; ++i) {
      callers.emplace_back([&] {
        try {
          for (;;) served += db.fetch_val<int>("SELECT 1");
        } catch (const PoolClosed&) {
          ++ended;
        } catch (const Error&) {
          ++surprises;
        }
      });
    }
    ASSERT_TRUE(eventually([&] { return served > 50; }));
    db.close(2s);
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(ended, 8);
    EXPECT_EQ(surprises, 0);
  }
}

}  // namespace
}  // namespace copg::test
