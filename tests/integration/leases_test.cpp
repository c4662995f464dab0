// Who holds what: the leases and waiters that a pool of threads shows.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "integration/database_test.hpp"
#include "support/sanitizers.hpp"

namespace copg::test {
namespace {

class Leases : public DatabaseTest {
 protected:
  /// A thread that runs something until it is told to stop, or the test ends.
  template <class Body>
  static std::future<void> beside(Body body) {
    return std::async(std::launch::async, std::move(body));
  }
  /// The one lease that runs this text.
  static std::optional<LeaseInfo> running(const PooledDatabase& db, std::string_view text) {
    for (LeaseInfo& lease : db.leases()) {
      if (lease.statement == text) return std::move(lease);
    }
    return std::nullopt;
  }
  /// A statement that runs until `unlock` is called.
  void lock() {
    keeper_.emplace(open({.min_size = 1, .max_size = 1})), key_.emplace(keeper_->connection()), take_key();
  }
  void unlock() { key_.reset(), keeper_.reset(); }

 private:
  void take_key() { key_->execute("SELECT pg_advisory_xact_lock(1)"); }
  std::optional<PooledDatabase> keeper_;
  std::optional<Connection> key_;
};

constexpr std::string_view waits_for_key = "SELECT pg_advisory_xact_lock(1)";

TEST_F(Leases, show_place_thread_and_connection_the_oldest_first) {
  PooledDatabase db = open();
  EXPECT_TRUE(db.leases().empty());
  const Connection first = db.connection();
  const std::uint32_t line = __LINE__ - 1;
  const Connection second = db.connection();
  const std::vector<LeaseInfo> leases = db.leases();
  ASSERT_EQ(leases.size(), 2U);
  EXPECT_EQ(leases[0].backend_pid, first.backend_pid());
  EXPECT_EQ(leases[1].backend_pid, second.backend_pid());
  EXPECT_NE(leases[0].connection, leases[1].connection);
  EXPECT_GE(std::min(leases[0].connection, leases[1].connection), 1U);
  EXPECT_GE(leases[0].age, leases[1].age);
  EXPECT_EQ(leases[0].where.line(), line);
  EXPECT_TRUE(std::string_view(leases[0].where.file_name()).ends_with("leases_test.cpp"));
  EXPECT_NE(leases[0].holder.find("thread '"), std::string::npos) << leases[0].holder;
  EXPECT_EQ(leases[0].status, LeaseStatus::idle);
  EXPECT_EQ(leases[0].idle, leases[0].age) << "nothing has run on it";
  EXPECT_FALSE(leases[0].running);
  EXPECT_EQ(leases[0].statement, "");
}

TEST_F(Leases, show_what_goes_on_between_the_calls) {
  PooledDatabase db = open();
  Connection conn = db.connection();
  const auto status = [&] { return db.leases().at(0).status; };
  EXPECT_EQ(status(), LeaseStatus::idle);
  conn.execute("SELECT 1");
  EXPECT_EQ(status(), LeaseStatus::in_transaction);
  EXPECT_THROW(conn.execute("SELECT 1/0"), QueryFailed);
  EXPECT_EQ(status(), LeaseStatus::failed);
  conn.rollback();
  EXPECT_EQ(status(), LeaseStatus::idle);
  {
    RowStream rows = conn.stream("SELECT generate_series(1, 10000)");
    ASSERT_FALSE(rows.next().empty());
    EXPECT_EQ(db.leases().at(0).statement, "") << "the stream is open, and no call is under way";
    EXPECT_NE(status(), LeaseStatus::idle);
  }
  PooledDatabase other = open();
  conn.rollback();
  ASSERT_TRUE(other.fetch_val<bool>("SELECT pg_terminate_backend($1, 10000)", conn.backend_pid()));
  EXPECT_THROW(conn.execute("SELECT 1"), ConnectionFailed);
  EXPECT_EQ(status(), LeaseStatus::lost);
}

TEST_F(Leases, show_the_statement_that_runs_and_for_how_long_and_then_how_long_they_are_idle) {
  PooledDatabase db = open();
  lock();
  std::atomic<bool> ran = false;
  std::promise<void> go_on;
  auto other = beside([&] {
    Connection conn = db.connection();
    conn.execute(std::string(waits_for_key));
    ran = true;
    go_on.get_future().wait();
  });
  std::optional<LeaseInfo> lease;
  ASSERT_TRUE(eventually([&] {
    lease = running(db, waits_for_key);
    return lease && lease->running > 20ms;
  }));
  EXPECT_EQ(lease->status, LeaseStatus::active);
  EXPECT_EQ(lease->idle, 0ns);
  EXPECT_LE(*lease->running, lease->age);
  unlock();
  ASSERT_TRUE(eventually([&] { return ran && db.leases().at(0).idle > 20ms; }));
  const LeaseInfo after = db.leases().at(0);
  EXPECT_FALSE(after.running);
  EXPECT_EQ(after.statement, "");
  EXPECT_LT(after.idle, after.age);
  EXPECT_EQ(after.status, LeaseStatus::in_transaction);
  go_on.set_value();
  other.get();
}

TEST_F(Leases, are_those_of_single_statements_as_well) {
  PooledDatabase db = open();
  lock();
  const std::string text = "SELECT pg_advisory_xact_lock($1)";
  auto other = beside([&] { db.execute(text, std::int64_t{1}); });
  ASSERT_TRUE(eventually([&] { return running(db, text).has_value(); }));
  const LeaseInfo lease = *running(db, text);
  EXPECT_GT(lease.backend_pid, 0);
  EXPECT_EQ(lease.travelling, 0U);
  unlock();
  other.get();
  EXPECT_TRUE(db.leases().empty());
}

TEST_F(Leases, show_long_texts_cut_at_a_character) {
  PooledDatabase db = open();
  lock();
  const std::string text = std::string(waits_for_key) + " -- " + [] {
    std::string umlauts;
    for (int i = 0; i < 500; ++i) umlauts += "ä";
    return umlauts;
  }();
  auto other = beside([&] { db.execute(text); });
  std::string shown;
  ASSERT_TRUE(eventually([&] {
    const auto leases = db.leases();
    if (!leases.empty()) shown = leases[0].statement;
    return !shown.empty();
  }));
  EXPECT_TRUE(text.starts_with(shown));
  EXPECT_LE(shown.size(), shown_statement_bytes);
  EXPECT_GE(shown.size(), shown_statement_bytes - 1);
  EXPECT_EQ(shown.substr(shown.size() - 2), "ä");
  unlock();
  other.get();
}

TEST_F(Leases, of_a_run_show_the_statement_that_is_waited_for_and_how_many_travel) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  db.wait();
  std::optional<Connection> only = db.connection();
  PooledDatabase other = open();
  other.execute("CREATE TABLE IF NOT EXISTS locked (id int)");
  Connection key = other.connection();
  key.execute("LOCK TABLE locked");
  const std::string text = "SELECT id FROM locked";
  std::vector<std::future<void>> callers;
  for (int i = 0; i < 4; ++i) callers.push_back(beside([&] { db.execute(text); }));
  ASSERT_TRUE(eventually([&] { return db.waiters().size() == 4; }));
  only.reset();
  ASSERT_TRUE(eventually([&] {
    const auto leases = db.leases();
    return leases.size() == 1 && leases[0].travelling == 4 && leases[0].statement == text &&
           leases[0].running && leases[0].status == LeaseStatus::active;
  })) << "statements_shared: "
      << db.stats().statements_shared;
  EXPECT_TRUE(db.waiters().empty()) << "passengers wait for an answer, not for a connection";
  key.release();
  for (auto& caller : callers) caller.get();
  EXPECT_GE(db.stats().statements_shared, 2U);
}

TEST_F(Leases, that_were_cut_off_stay_until_they_are_given_back) {
  PooledDatabase db = open();
  std::optional<Connection> conn = db.connection();
  db.close(0s);
  EXPECT_EQ(db.leases().size(), 1U);
  EXPECT_TRUE(db.waiters().empty());
  conn.reset();
  EXPECT_TRUE(db.leases().empty());
}

TEST_F(Leases, of_the_parent_are_none_of_a_forked_childs) {
  if (under_thread_sanitizer)
    GTEST_SKIP() << "the thread sanitizer does not follow a fork of a program with threads";
  PooledDatabase db = open();
  Connection conn = db.connection();
  const pid_t child = fork();
  if (child == 0) {
    if (!db.leases().empty() || !db.waiters().empty()) _exit(1);
    const Connection own = db.connection();
    const std::vector<LeaseInfo> leases = db.leases();
    if (leases.size() != 1 || leases[0].backend_pid != own.backend_pid()) _exit(2);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(db.leases().size(), 1U);
}

TEST_F(Leases, can_be_given_a_name_which_is_in_messages_and_stays_over_an_exchange) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  Connection conn = db.connection();
  EXPECT_EQ(conn.name(), "");
  conn.name("import of the month, and of more");
  EXPECT_EQ(conn.name(), "import of the month, and of mo") << "30 bytes";
  conn.name("import");
  EXPECT_EQ(db.leases().at(0).name, "import");
  std::string message;
  beside([&] { message = error_of<PoolTimeout>([&] { (void)db.connection(20ms); }).message; }).get();
  EXPECT_NE(message.find(" for 'import' in thread"), std::string::npos) << message;
  // A connection that is found dead before its first byte is exchanged for another.
  PooledDatabase other = open();
  ASSERT_TRUE(other.fetch_val<bool>("SELECT pg_terminate_backend($1, 10000)", conn.backend_pid()));
  conn.execute("SELECT 1");
  EXPECT_EQ(conn.name(), "import");
  EXPECT_EQ(conn.detach().name(), "import");
  EXPECT_THROW(conn.name("late"), UsageError);
  EXPECT_THROW((void)conn.name(), UsageError);
  EXPECT_EQ(db.connection().name(), "") << "the next lease has none";
}

/// What an observer hears of leases that are held idle.
class IdleRecorder final : public Observer {
 public:
  void held_idle(const event::HeldIdle& event) noexcept override {
    const std::lock_guard lock(mutex_);
    idle_ = event.idle;
    holder_ = event.holder;
    ++reports_;
  }
  [[nodiscard]] int reports() {
    const std::lock_guard lock(mutex_);
    return reports_;
  }
  [[nodiscard]] std::string holder() {
    const std::lock_guard lock(mutex_);
    return holder_;
  }
  [[nodiscard]] std::chrono::nanoseconds idle() {
    const std::lock_guard lock(mutex_);
    return idle_;
  }

 private:
  std::mutex mutex_;
  int reports_ = 0;
  std::chrono::nanoseconds idle_{};
  std::string holder_;
};

TEST_F(Leases, that_are_held_idle_are_reported_once_until_something_runs) {
  const auto seen = std::make_shared<IdleRecorder>();
  PooledDatabase db = open({.held_idle_after = 40ms, .observer = seen});
  Connection conn = db.connection();
  conn.name("slow");
  ASSERT_TRUE(eventually([&] { return seen->reports() == 1; }));
  EXPECT_GE(seen->idle(), 40ms);
  EXPECT_NE(seen->holder().find("leases_test.cpp:"), std::string::npos) << seen->holder();
  EXPECT_NE(seen->holder().find(" for 'slow' in thread"), std::string::npos) << seen->holder();
  // Three more looks of the background find nothing new, and then a statement begins another time.
  const auto idle = [&] { return db.leases().at(0).idle; };
  ASSERT_TRUE(eventually([&] { return idle() > 160ms; }));
  EXPECT_EQ(seen->reports(), 1);
  conn.execute("SELECT 1");
  ASSERT_TRUE(eventually([&] { return seen->reports() == 2; }));
  EXPECT_EQ(db.stats().leases_held_idle, 2U);
}

TEST_F(Leases, that_run_something_for_long_are_not_held_idle) {
  const auto seen = std::make_shared<IdleRecorder>();
  PooledDatabase db = open({.held_idle_after = 400ms, .observer = seen});
  lock();
  std::atomic<bool> ran = false;
  auto other = beside([&] {
    Connection conn = db.connection();
    conn.execute(std::string(waits_for_key));
    conn.release();
    ran = true;
  });
  ASSERT_TRUE(eventually([&] {
    const auto lease = running(db, waits_for_key);
    return lease && lease->running > 900ms;
  }));
  EXPECT_EQ(seen->reports(), 0);
  EXPECT_EQ(db.stats().leases_held_idle, 0U);
  unlock();
  other.get();
}

TEST_F(Leases, that_run_nothing_are_counted_in_a_timeouts_message) {
  PooledDatabase db = open({.min_size = 1, .max_size = 2, .timeout = 100ms, .share = false});
  Connection held = db.connection();
  held.execute("SELECT 1");
  lock();
  std::atomic<bool> over = false;
  auto other = beside([&] {
    Connection busy = db.connection(20s);  // which may have to be opened first
    try {
      busy.timeout(20s);
      busy.execute(std::string(waits_for_key));
    } catch (const Error&) {
    }
    over = true;
  });
  ASSERT_TRUE(eventually([&] { return running(db, waits_for_key).has_value(); }));
  std::string message;
  beside([&] { message = error_of<PoolTimeout>([&] { db.execute("SELECT 1"); }).message; }).get();
  EXPECT_NE(message.find("; 1 of 2 connections is leased but runs nothing, for "), std::string::npos)
      << message;
  EXPECT_NE(message.find("leases_test.cpp:"), std::string::npos) << message;
  unlock();
  other.get();
}

class Waiters : public Leases {};

TEST_F(Waiters, show_place_and_deadline_in_the_order_of_the_queue) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .share = false});
  std::optional<Connection> only = db.connection();
  EXPECT_TRUE(db.waiters().empty());
  std::uint32_t line = 0;
  auto first = beside([&] {
    line = __LINE__ + 1;
    const Connection conn = db.connection(1h);
  });
  ASSERT_TRUE(eventually([&] { return db.waiters().size() == 1; }));
  auto second = beside([&] { db.execute("SELECT 2"); });
  std::vector<WaiterInfo> waiters;
  ASSERT_TRUE(eventually([&] {
    waiters = db.waiters();
    return waiters.size() == 2 && waiters[1].waited > 5ms;
  }));
  EXPECT_EQ(waiters[0].position, 1U);
  EXPECT_EQ(waiters[0].where.line(), line);
  EXPECT_EQ(waiters[0].statement, "");
  EXPECT_GT(waiters[0].remaining, 59min);
  EXPECT_NE(waiters[0].holder.find("thread"), std::string::npos);
  EXPECT_NE(waiters[0].holder, waiters[1].holder);
  EXPECT_EQ(waiters[1].position, 2U);
  EXPECT_EQ(waiters[1].statement, "SELECT 2");
  EXPECT_LE(waiters[1].remaining, 20s);
  EXPECT_GE(waiters[0].waited, waiters[1].waited);
  only.reset();
  first.get();
  second.get();
  EXPECT_TRUE(db.waiters().empty());
}

/// For the thread sanitizer, too: texts that die right after their calls, and leases that end at any time.
TEST_F(Leases, are_read_while_threads_lease_and_run) {
  PooledDatabase db = open({.max_size = 3});
  std::atomic<bool> over = false;
  std::atomic<std::uint64_t> statements = 0;
  const std::string filler(300, 'x');
  std::vector<std::future<void>> others;
  for (int worker = 0; worker < 6; ++worker) {
    others.push_back(beside([&, worker] {
      for (int i = 0; !over; ++i) {
        const std::string text = "SELECT " + std::to_string(i % 50) + " /* " + filler + " */";
        if (worker % 2 == 0) {
          db.execute(text);
        } else {
          Connection conn = db.connection();
          conn.execute(text);
          conn.execute("SELECT 2");
          if (i % 3 == 0) conn.commit();
        }
        ++statements;
      }
    }));
  }
  std::vector<std::future<void>> readers;
  for (int reader = 0; reader < 2; ++reader) {
    readers.push_back(beside([&] {
      while (!over) {
        for (const LeaseInfo& lease : db.leases()) {
          ASSERT_TRUE(lease.statement.empty() || lease.statement.starts_with("SELECT ") ||
                      lease.statement == "COMMIT")
              << lease.statement;
          ASSERT_GE(lease.idle, 0ns);
          ASSERT_LE(lease.travelling, 6U);
        }
        for (const WaiterInfo& waiter : db.waiters())
          ASSERT_TRUE(waiter.statement.empty() || waiter.statement.starts_with("SELECT "));
      }
    }));
  }
  EXPECT_TRUE(eventually([&] { return statements > 3000; }, 60s)) << statements;
  over = true;
  for (auto& other : others) other.get();
  for (auto& reader : readers) reader.get();
  EXPECT_TRUE(db.leases().empty());
}

}  // namespace
}  // namespace copg::test
