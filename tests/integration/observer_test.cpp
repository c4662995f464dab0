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
  void acquired(const event::Acquired& event) noexcept override {
    note("acquired");
    check(event);
    waited = event.wait.count();
  }
  void acquire_failed(const event::AcquireFailed& event) noexcept override {
    note("acquire_failed " + std::to_string(static_cast<int>(event.kind)));
  }
  void slow_acquire(const event::SlowAcquire& event) noexcept override { note("slow " + event.holder); }
  void released(const event::Released& event) noexcept override {
    note("released");
    check(event);
  }
  void opened(const event::Opened& event) noexcept override {
    check(event);
    const bool sums_up = event.connect_time == event.credentials + event.connect + event.configure;
    note(event.connect.count() > 0 && sums_up ? "opened" : "opened?");
  }
  void open_failed(const event::OpenFailed& event) noexcept override {
    note(event.error.message.empty() ? "?" : "open_failed");
  }
  void outage_began(const event::OutageBegan& event) noexcept override {
    note("outage_began " + event.error.message);
  }
  void outage_ended(const event::OutageEnded& event) noexcept override {
    note(event.duration.count() > 0 && event.failures > 0 ? "outage_ended" : "outage_ended?");
  }
  void closed(const event::Closed& event) noexcept override {
    check(event);
    note("closed " + std::string(to_string(event.reason)));
    if (!event.text.empty()) note(std::string(event.text));
    if (event.age.count() <= 0) note("closed without age");
  }
  void reset(const event::Reset& event) noexcept override {
    note("reset");
    check(event);
  }
  void gap(const event::Gap& event) noexcept override {
    note((event.reconnected ? "gap reconnected " : "gap full ") + event.channels.at(0));
  }
  void leaked(const event::Leaked& event) noexcept override {
    check(event);
    note(event.holder.find("observer_test.cpp") != std::string_view::npos ? "leaked" : "leaked by whom?");
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
  /// What every event of a connection says.
  void check(const event::Event& event) {
    if (event.pool.empty() || event.connection == 0 || event.backend_pid == 0) note("anonymous");
  }
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
  EXPECT_EQ(seen->count("anonymous"), 0);
  EXPECT_EQ(seen->count("closed without age"), 0);
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

TEST_F(Observers, are_told_the_last_words_of_a_server_that_shuts_down_or_finds_a_session_idle) {
  testing::ThrowawayPostgres own;
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db(Config::from_url(own.tcp_url()),
                    {.min_size = 1, .max_size = 1, .timeout = 20s, .observer = seen});
  if (db.connection().server_version() >= 140000) {  // which has the setting
    db.execute("ALTER SYSTEM SET idle_session_timeout = '50ms'");
    db.execute("SELECT pg_reload_conf()");
    // A session arms its timer when it becomes idle, with what it has read by then.
    EXPECT_TRUE(eventually([&] { return db.fetch_val<std::string>("SHOW idle_session_timeout") == "50ms"; }));
    EXPECT_TRUE(eventually(
        [&] { return seen->count("FATAL: terminating connection due to idle-session timeout") >= 1; }));
    db.execute("ALTER SYSTEM RESET idle_session_timeout");
    db.execute("SELECT pg_reload_conf()");
  }
  const auto before = seen->count(terminated);
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  own.stop();  // fast
  EXPECT_TRUE(eventually([&] { return seen->count(terminated) > before; }));
}

TEST_F(Observers, are_told_of_a_connection_by_the_same_number_from_its_opening_to_its_end) {
  struct Numbers final : Observer {
    void opened(const event::Opened& event) noexcept override { note("opened", event); }
    void acquired(const event::Acquired& event) noexcept override { note("acquired", event); }
    void released(const event::Released& event) noexcept override { note("released", event); }
    void closed(const event::Closed& event) noexcept override { note("closed", event); }
    void note(std::string what, const event::Event& event) {
      const std::lock_guard lock(mutex);
      seen.push_back(what + " " + std::string(event.pool) + " " + std::to_string(event.connection) + " " +
                     std::to_string(event.backend_pid));
    }
    std::mutex mutex;
    std::vector<std::string> seen;
  };
  const auto numbers = std::make_shared<Numbers>();
  std::string first;
  std::string second;
  {
    PooledDatabase db = open({.min_size = 0, .max_size = 1, .name = "orders", .observer = numbers});
    first = " orders 1 " + std::to_string(db.fetch_val<int>("SELECT pg_backend_pid()"));
    db.connection().close();
    second = " orders 2 " + std::to_string(db.fetch_val<int>("SELECT pg_backend_pid()"));
  }
  const std::vector<std::string> expected = {
      "opened" + first, "acquired" + first, "released" + first,  "acquired" + first,  "released" + first,
      "closed" + first, "opened" + second,  "acquired" + second, "released" + second, "closed" + second};
  auto seen = numbers->seen;
  // Threads tell of what they do: the caller, and the background.
  std::ranges::sort(seen);
  auto sorted = expected;
  std::ranges::sort(sorted);
  EXPECT_EQ(seen, sorted);
}

TEST_F(Observers, are_told_of_the_end_of_each_lease_once_also_of_one_that_close_has_cut_off) {
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db = open({.min_size = 0, .max_size = 2, .observer = seen});
  {
    Connection idle = db.connection();
    Connection used = db.connection();
    used.execute("SELECT 1");
    db.close(0s);
    EXPECT_THROW(used.execute("SELECT 1"), PoolClosed);
  }
  EXPECT_EQ(seen->count("acquired"), 2);
  EXPECT_EQ(seen->count("released"), 2);
}

TEST_F(Observers, may_be_several_and_each_is_told_only_what_it_wants) {
  struct Picky final : Observer {
    [[nodiscard]] bool wants(Hook hook) const noexcept override { return hook == Hook::released; }
    void acquired(const event::Acquired&) noexcept override { ++acquired_; }
    void released(const event::Released&) noexcept override { ++released_; }
    std::atomic<int> acquired_ = 0;
    std::atomic<int> released_ = 0;
  };
  const auto picky = std::make_shared<Picky>();
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .observer = {picky, nullptr, seen}});
  db.execute("SELECT 1");
  EXPECT_EQ(picky->released_, 1);
  EXPECT_EQ(picky->acquired_, 0);
  EXPECT_EQ(seen->count("acquired"), 1);
  EXPECT_EQ(seen->count("released"), 1);
}

TEST_F(Observers, are_told_of_a_request_that_waits_too_long_and_of_nothing_else) {
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .slow_acquire = 30ms, .observer = seen});
  db.wait();
  db.execute("SELECT 1");
  EXPECT_EQ(seen->starting("slow").size(), 0U);
  auto waiting = [&] {
    Connection held = db.connection();
    auto other = std::async(std::launch::async, [&] { db.connection().execute("SELECT 1"); });
    EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 1; }));
    held.execute("SELECT pg_sleep(0.05)");
    return other;
  }();
  waiting.get();
  ASSERT_EQ(seen->starting("slow").size(), 1U);
  EXPECT_NE(seen->starting("slow").front().find("observer_test.cpp"), std::string::npos);
}

TEST_F(Observers, are_told_where_a_listener_misses_notifications) {
  const auto seen = std::make_shared<Recorder>();
  PooledDatabase db = open({.min_size = 1, .max_size = 2, .observer = seen});
  Listener listener = db.listener("news", 1);
  for (int i = 0; i < 3; ++i) db.notify("news");
  EXPECT_TRUE(eventually([&] { return seen->count("gap full news") == 1; }));
  db.execute(
      "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query ILIKE 'listen%' "
      "AND pid <> pg_backend_pid()");
  EXPECT_TRUE(eventually([&] { return seen->count("gap reconnected news") == 1; }));
}

TEST_F(Observers, are_told_of_an_outage_once_when_it_begins_and_once_when_it_ends) {
  testing::ThrowawayPostgres own;
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
  const auto says = [&](const char* words) { return text.find(words) != std::string::npos; };
  EXPECT_TRUE(says("refused") || says("shutting down") || says("closed the connection")) << text;
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

TEST_F(Observers, write_a_log_of_what_an_operator_wants_to_read) {
  testing::ThrowawayPostgres own;
  std::mutex mutex;
  std::vector<std::string> lines;
  const auto log = std::make_shared<LogObserver>(LogLevel::warning, [&](const LogLine& line) {
    const std::lock_guard lock(mutex);
    lines.push_back(std::string(line.event) + " " + std::string(to_string(line.level)) + " " + line.text);
  });
  const auto wrote = [&](const std::string& beginning, const std::string& part) {
    const std::lock_guard lock(mutex);
    return std::ranges::count_if(lines, [&](const std::string& line) {
      return line.starts_with(beginning) && line.find(part) != std::string::npos;
    });
  };
  {
    PooledDatabase db(Config::from_url(own.tcp_url()), {.min_size = 1,
                                                        .max_size = 1,
                                                        .timeout = 20s,
                                                        .name = "orders",
                                                        .leak_after = 20ms,
                                                        .slow_statement = 30ms,
                                                        .observer = log});
    {
      Connection held = db.connection();
      held.execute("SELECT pg_sleep(0.04)");
      EXPECT_EQ(wrote("slow_statement warning pool 'orders': a statement took ", "SELECT pg_sleep(0.04)"), 1);
      EXPECT_TRUE(
          eventually([&] { return wrote("leaked warning pool 'orders': ", "observer_test.cpp") == 1; }));
    }
    EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 1; }));
    own.stop();
    EXPECT_TRUE(
        eventually([&] { return wrote("outage_began warning pool 'orders' can't connect", "") == 1; }));
    EXPECT_TRUE(eventually([&] {
      return wrote("closed warning pool 'orders': connection 1 (backend ", "administrator command") == 1;
    })) << lines.front()
        << lines.back();
    own.start();
    EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
    EXPECT_TRUE(
        eventually([&] { return wrote("outage_ended warning pool 'orders': ", "failed connect") == 1; }));
  }
  EXPECT_EQ(wrote("opened", "") + wrote("closed debug", ""), 0);
  const CapturedStderr captured;
  LogObserver to_stderr(LogLevel::debug);
  event::Opened event;
  event.pool = "orders";
  event.connection = 3;
  event.backend_pid = 4711;
  event.connect_time = 20ms;
  to_stderr.opened(event);
  EXPECT_EQ(captured.text().substr(0, captured.text().find('\n')),
            "copg: debug: pool 'orders': connection 3 (backend 4711) was opened in 20 ms");
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
    void acquired(const event::Acquired&) noexcept override { look(); }
    void released(const event::Released&) noexcept override { look(); }
    void opened(const event::Opened&) noexcept override { look(); }
    void closed(const event::Closed&) noexcept override { look(); }
    void reset(const event::Reset&) noexcept override { look(); }
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
