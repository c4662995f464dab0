// What a pool tells its observer: every lease, connect, outage, close, reset and leak.
#include "integration/database_test.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <iterator>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

class Observers : public DatabaseTest {};

class Recorder final : public Observer {
 public:
  void acquired(std::chrono::nanoseconds wait) noexcept override { note("acquired"), waited = wait.count(); }
  void acquire_failed(ErrorKind kind, std::chrono::nanoseconds) noexcept override {
    note("acquire_failed " + std::to_string(static_cast<int>(kind)));
  }
  void released(std::chrono::nanoseconds) noexcept override { note("released"); }
  void opened(std::chrono::nanoseconds time) noexcept override {
    note(time.count() > 0 ? "opened" : "opened?");
  }
  void open_failed(const ErrorInfo& error) noexcept override {
    note(error.message.empty() ? "?" : "open_failed");
  }
  void outage_began(const ErrorInfo& error) noexcept override { note("outage_began " + error.message); }
  void outage_ended(std::chrono::nanoseconds duration, std::uint64_t failures) noexcept override {
    note(duration.count() > 0 && failures > 0 ? "outage_ended" : "outage_ended?");
  }
  void closed(CloseReason reason, std::string_view text) noexcept override {
    note("closed " + std::string(to_string(reason)));
    if (!text.empty()) note(std::string(text));
  }
  void reset(std::chrono::nanoseconds) noexcept override { note("reset"); }
  void leaked(std::chrono::nanoseconds, std::string_view holder) noexcept override {
    note(holder.find("observer_test.cpp") != std::string_view::npos ? "leaked" : "leaked by whom?");
  }

  [[nodiscard]] std::ptrdiff_t count(const std::string& what) {
    const std::lock_guard lock(mutex_);
    return static_cast<std::ptrdiff_t>(seen_.count(what));
  }
  /// Whatever begins like this.
  [[nodiscard]] std::vector<std::string> starting(const std::string& words) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> found;
    std::ranges::copy_if(seen_, std::back_inserter(found),
                         [&](const auto& it) { return it.starts_with(words); });
    return found;
  }
  std::atomic<std::int64_t> waited = -1;

 private:
  void note(const std::string& what) {
    const std::lock_guard lock(mutex_);
    seen_.insert(what);
  }
  std::mutex mutex_;
  std::multiset<std::string> seen_;
};

TEST_F(Observers, are_told_of_everything) {
  const auto seen = std::make_shared<Recorder>();
  {
    PooledDatabase db = open({.min_size = 1, .max_size = 1, .leak_after = 30ms, .observer = seen});
    db.wait();
    ASSERT_TRUE(eventually([&] { return seen->count("opened") == 1; }));
    {
      Connection held = db.connection();
      EXPECT_EQ(seen->waited, 0);
      std::async(std::launch::async, [&] { EXPECT_THROW((void)db.connection(10ms), PoolTimeout); }).get();
      EXPECT_TRUE(eventually([&] { return seen->count("leaked") == 1; }));
    }
    EXPECT_EQ(seen->count("released"), 1);
    EXPECT_EQ(seen->count("acquire_failed " + std::to_string(static_cast<int>(ErrorKind::pool_timeout))), 1);
    db.execute("SET work_mem = '1MB'");
    EXPECT_TRUE(eventually([&] { return seen->count("reset") == 1; }));
    EXPECT_EQ(seen->count("acquired"), 2);
    db.connection().close();
    EXPECT_TRUE(eventually([&] { return seen->count("closed discarded") == 1; }));
    db.wait();
    db.drain();
    EXPECT_TRUE(eventually([&] { return seen->count("closed drained") == 1; }));
    db.wait();
  }
  EXPECT_EQ(seen->count("closed pool_closed"), 1);
  EXPECT_EQ(seen->count("leaked"), 1);
}

/// The server's words when a connection is ended by hand.
const std::string terminated = "FATAL: terminating connection due to administrator command";

TEST_F(Observers, are_told_the_servers_last_words) {
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db = open({.min_size = 2, .max_size = 2, .observer = seen});
  db.wait();
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  const auto terminate = [&](int pid) { other.execute("SELECT pg_terminate_backend($1, 10000)", pid); };
  {
    // Found by the look before the first statement. The other one is given back, and closed as well: for
    // itself, or with the first one, if the pool hears of that earlier. So may be the one that replaced it.
    Connection one = db.connection();
    const int first = one.backend_pid();
    terminate(db.connection().backend_pid());
    terminate(first);
    EXPECT_EQ(one.fetch_val<int>("SELECT 1"), 1);
    EXPECT_TRUE(eventually([&] { return seen->count(terminated) == 2; }));
    EXPECT_GE(seen->count("closed broken") + seen->count("closed stale_epoch"), 2);
  }
  {
    // In a statement.
    Connection one = db.connection();
    one.execute("SELECT 1");
    EXPECT_THROW(one.execute("SELECT pg_terminate_backend(pg_backend_pid())"), ConnectionFailed);
  }
  EXPECT_TRUE(eventually([&] { return seen->count(terminated) == 3; }));
  {
    // By a check.
    terminate(db.fetch_val<int>("SELECT pg_backend_pid()"));
    db.check();
  }
  EXPECT_TRUE(eventually([&] { return seen->count(terminated) == 4; }));
}

TEST_F(Observers, are_told_of_an_outage_once_when_it_begins_and_once_when_it_ends) {
  tools::ThrowawayPostgres own;
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db(Config::from_url(own.tcp_url()),
                    {.min_size = 1, .max_size = 2, .timeout = 20s, .name = "orders", .observer = seen});
  db.wait();
  own.stop();
  EXPECT_THROW(db.connection(100ms).execute("SELECT 1"), PoolTimeout);
  EXPECT_TRUE(eventually([&] { return db.stats().connections_errors >= 4; }));
  ASSERT_EQ(seen->starting("outage_began").size(), 1U);
  const std::string text = seen->starting("outage_began").front();
  EXPECT_NE(text.find("pool 'orders' can't connect"), std::string::npos) << text;
  EXPECT_NE(text.find(std::to_string(own.port())), std::string::npos) << text;
  EXPECT_TRUE(text.find("refused") != std::string::npos || text.find("shutting down") != std::string::npos)
      << text;
  EXPECT_EQ(seen->count("outage_ended"), 0);
  own.start();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_TRUE(eventually([&] { return seen->count("outage_ended") == 1; }));
  EXPECT_EQ(seen->starting("outage_began").size(), 1U);
}

TEST_F(Observers, are_told_of_a_configuration_that_can_not_work_once) {
  const auto seen = std::make_shared<Recorder>();
  Config wrong = config();
  wrong.database = "nowhere";
  PooledDatabase db(wrong, {.min_size = 1, .max_size = 1, .observer = seen});
  EXPECT_TRUE(eventually([&] { return db.stats().connections_errors >= 3; }));
  ASSERT_EQ(seen->starting("outage_began").size(), 1U);
  EXPECT_NE(seen->starting("outage_began").front().find("does not exist"), std::string::npos);
}

TEST_F(Observers, are_told_of_the_end_of_what_they_were_told_the_beginning_of) {
  const auto seen = std::make_shared<Recorder>();
  {
    PooledDatabase db(Config{.host = "192.0.2.1"}, {.min_size = 2, .max_size = 2, .observer = seen});
    EXPECT_TRUE(eventually([&] { return db.stats().connecting == 2; }));
  }
  EXPECT_EQ(seen->starting("closed").size(), 0U) << "a connect that was given up";
}

/// What is written to stderr meanwhile.
class CapturedStderr {
 public:
  CapturedStderr() : file_(memfd_create("stderr", MFD_CLOEXEC)), before_(dup(STDERR_FILENO)) {
    dup2(file_, STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    dup2(before_, STDERR_FILENO);
    close(before_);
    close(file_);
  }
  [[nodiscard]] std::string text() const {
    std::string text(4096, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(0, pread(file_, text.data(), text.size(), 0))));
    return text;
  }

 private:
  int file_;
  int before_;
};

TEST_F(Observers, a_lease_that_leaks_is_told_on_stderr_where_there_is_no_observer) {
  const CapturedStderr captured;
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .name = "orders", .leak_after = 10ms});
  const Connection held = db.connection();
  EXPECT_TRUE(eventually([&] { return captured.text().ends_with('\n'); }));
  const std::string text = captured.text();
  EXPECT_NE(text.find("copg: pool 'orders': a connection has been leased for"), std::string::npos) << text;
  EXPECT_NE(text.find("observer_test.cpp"), std::string::npos) << text;
}

TEST_F(Observers, and_reconnect_failed_are_told_of_an_outage_that_lasts) {
  std::atomic<int> reports = 0;
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db(Config{.host = "127.0.0.1", .port = 1}, {.min_size = 1,
                                                             .max_size = 1,
                                                             .reconnect_timeout = 30ms,
                                                             .reconnect_failed = [&] { ++reports; },
                                                             .observer = seen});
  EXPECT_TRUE(eventually([&] { return reports >= 3; }));
  EXPECT_TRUE(eventually([&] { return seen->count("open_failed") >= 2; }));
  EXPECT_GE(db.stats().connections_errors, 2U);
}

TEST_F(Observers, may_call_the_pool_from_every_hook) {
  struct Curious final : Observer {
    void acquired(std::chrono::nanoseconds) noexcept override { look(); }
    void released(std::chrono::nanoseconds) noexcept override { look(); }
    void opened(std::chrono::nanoseconds) noexcept override { look(); }
    void closed(CloseReason, std::string_view) noexcept override { look(); }
    void reset(std::chrono::nanoseconds) noexcept override { look(); }
    void look() noexcept {
      PooledDatabase* pool = db;
      if (pool == nullptr) return;
      (void)pool->stats();
      (void)pool->to_string();
      pool->resize(1, 2);
      pool->suspend();
      pool->resume();
      ++looks;
    }
    std::atomic<PooledDatabase*> db = nullptr;
    std::atomic<int> looks = 0;
  };
  const auto curious = std::make_shared<Curious>();
  PooledDatabase db = open({.min_size = 1, .max_size = 2, .observer = curious});
  curious->db = &db;
  db.execute("SET work_mem = '1MB'");
  db.connection().close();
  db.drain();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  db.wait();
  EXPECT_GE(curious->looks, 6);
  curious->db = nullptr;
}

}  // namespace
}  // namespace copg::test
