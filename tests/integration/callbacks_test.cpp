// `configure` and `credentials`: on good days, and when they throw, block, or call the pool.
#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

/// Where a callback waits until the test lets it go; at the test's end at the latest.
class Barrier {
 public:
  Barrier() = default;
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier() {
    open();
    EXPECT_TRUE(eventually([this] { return inside_ == 0; }));
  }
  void wait() {
    ++inside_;
    opened_.wait();
    --inside_;
  }
  void open() {
    if (!was_opened_.exchange(true)) promise_.set_value();
  }
  [[nodiscard]] int inside() const { return inside_; }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_ = promise_.get_future().share();
  std::atomic<bool> was_opened_ = false;
  std::atomic<int> inside_ = 0;
};

/// Remembers why connects failed.
struct Failures : Observer {
  void open_failed(const event::OpenFailed& event) noexcept override {
    const std::lock_guard lock(mutex);
    causes.push_back(event.error.message);
  }
  [[nodiscard]] bool first_is(const std::string& message) {
    const std::lock_guard lock(mutex);
    return !causes.empty() && causes.front() == message;
  }
  [[nodiscard]] bool last_is(const std::string& message) {
    const std::lock_guard lock(mutex);
    return !causes.empty() && causes.back() == message;
  }
  std::mutex mutex;
  std::vector<std::string> causes;
};

class Configure : public DatabaseTest {
 protected:
  /// Of a pool of one connection that nobody gets.
  static ErrorInfo failure(std::function<void(Connection&)> configure, Seconds connect_timeout = 10s) {
    PooledDatabase db = open({.min_size = 0,
                              .max_size = 1,
                              .timeout = 400ms,
                              .connect_timeout = connect_timeout,
                              .configure = std::move(configure)});
    const ErrorInfo info = error_of<PoolTimeout>([&] { db.execute("SELECT 1"); });
    EXPECT_GE(db.stats().connections_errors, 1U);
    EXPECT_EQ(db.stats().pool_size, 0U);
    EXPECT_NE(info.message.find(info.cause), std::string::npos) << info.message;
    return info;
  }
  /// `sql` fails with an E; or the pool, which goes on trying until it is closed, has taken the connection
  /// back.
  template <class E>
  static void expect_failure(Connection& conn, const char* sql) {
    try {
      conn.execute(sql);
      ADD_FAILURE() << sql;
    } catch (const E&) {
    } catch (const UsageError&) {
    }
  }
  static std::string work_mem(Connection& conn) { return conn.fetch_val<std::string>("SHOW work_mem"); }
  static std::string work_mem(PooledDatabase& db) { return db.fetch_val<std::string>("SHOW work_mem"); }
};

TEST_F(Configure, makes_each_connection_ready_before_anybody_gets_it) {
  std::atomic<int> calls = 0;
  PooledDatabase db = open({.min_size = 2, .max_size = 3, .configure = [&](Connection& conn) {
                              ++calls;
                              EXPECT_TRUE(conn.autocommit());
                              EXPECT_EQ(conn.transaction_status(), TransactionStatus::idle);
                              EXPECT_GT(conn.backend_pid(), 0);
                              conn.execute("SET work_mem = '3MB'");
                            }});
  db.wait();
  EXPECT_EQ(calls, 2);
  std::vector<Connection> leases;
  for (int i = 0; i < 3; ++i) {
    leases.push_back(db.connection());
    EXPECT_EQ(work_mem(leases.back()), "3MB");
  }
  leases.clear();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(work_mem(db), "3MB");
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 3; }));
  EXPECT_EQ(calls, 3);
}

TEST_F(Configure, leaves_the_session_that_reset_keeps_clean) {
  std::atomic<int> calls = 0;
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .configure = [&](Connection& conn) {
                              ++calls;
                              conn.execute("SET work_mem = '3MB'");
                              conn.execute("PREPARE mine AS SELECT 5");
                              conn.execute("CREATE TEMP TABLE scratch (a int)");
                            }});
  for (int round = 1; round <= 3; ++round) {
    EXPECT_EQ(db.fetch_val<int>("EXECUTE mine"), 5);
    EXPECT_EQ(db.fetch_val<int>("SELECT count(*) FROM scratch"), 0);
    EXPECT_EQ(db.stats().resets_num, static_cast<std::uint64_t>(round - 1))
        << "what it did is no reason to wipe";
    db.execute("SET work_mem = '1MB'; INSERT INTO scratch VALUES (1)");
    EXPECT_EQ(work_mem(db), "3MB");
    EXPECT_EQ(calls, round + 1);
  }
  EXPECT_EQ(db.stats().connections_num, 1U);
}

TEST_F(Configure, is_called_again_after_a_lease_that_took_away_what_it_had_set_up) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .configure = [&](Connection& conn) {
                              conn.execute("PREPARE mine AS SELECT 5");
                              conn.execute("CREATE TEMP TABLE scratch (a int)");
                            }});
  for (const char* taking : {"DEALLOCATE ALL", "DEALLOCATE mine", "DISCARD TEMP"}) {
    db.execute(taking);
    EXPECT_EQ(db.fetch_val<int>("EXECUTE mine"), 5) << taking;
    EXPECT_EQ(db.fetch_val<int>("SELECT count(*)::int FROM scratch"), 0) << taking;
  }
}

TEST_F(Configure, that_makes_its_sessions_read_only_is_no_demotion) {
  PooledDatabase db = open({.min_size = 2, .max_size = 2, .configure = [&](Connection& conn) {
                              conn.execute("SET default_transaction_read_only = on");
                            }});
  db.wait();
  EXPECT_TRUE(
      is_read_only(error_of<QueryFailed>([&] { db.execute("CREATE TABLE refused (a int)"); }).sqlstate));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_num, 2U) << "the connections were given up";
  EXPECT_EQ(db.stats().returns_bad, 0U);
}

TEST_F(Configure, is_called_after_every_lease_with_full_and_once_with_rollback) {
  for (const auto& [mode, expected] : {std::pair(ResetMode::full, 3), std::pair(ResetMode::rollback, 1)}) {
    std::atomic<int> calls = 0;
    PooledDatabase db =
        open({.min_size = 1, .max_size = 1, .reset = mode, .configure = [&](Connection&) { ++calls; }});
    db.execute("SET work_mem = '1MB'");
    db.execute("SELECT 1");
    EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 1; }));
    EXPECT_EQ(calls, expected);
  }
}

TEST_F(Configure, that_throws_is_a_failed_connect_whose_reason_is_told) {
  EXPECT_EQ(failure([](Connection&) { throw std::runtime_error("no such tenant"); }).cause,
            "configure failed: no such tenant");
  EXPECT_EQ(failure([](Connection& conn) { conn.execute("SELECT 1 FROM nowhere"); }).cause,
            "configure failed: relation \"nowhere\" does not exist");
  EXPECT_EQ(failure([](Connection&) { throw 5; }).cause,
            "configure failed: it threw what is no std::exception");
}

TEST_F(Configure, that_leaves_a_connection_unfit_is_a_failed_connect) {
  EXPECT_EQ(failure([](Connection& conn) { conn.execute("BEGIN"); }).cause,
            "configure failed: it has left a transaction open: commit, or roll back");
  EXPECT_EQ(failure([](Connection& conn) {
              conn.timeout(10ms);
              expect_failure<QueryTimeout>(conn, "SELECT pg_sleep(60)");
            }).cause,
            "configure failed: it has left a statement unfinished");
  EXPECT_EQ(failure([](Connection& conn) {
              expect_failure<ConnectionFailed>(conn, "SELECT pg_terminate_backend(pg_backend_pid())");
            }).cause,
            "configure failed: the connection was lost");
  const std::string gone = "configure failed: it has closed the connection, or kept it";
  EXPECT_EQ(failure([](Connection& conn) { conn.close(); }).cause, gone);
  EXPECT_EQ(failure([](Connection& conn) { conn.release(); }).cause, gone);
  std::mutex mutex;
  std::vector<Connection> kept;
  EXPECT_EQ(failure([&](Connection& conn) {
              const std::lock_guard lock(mutex);
              kept.push_back(std::move(conn));
            }).cause,
            gone);
  const std::lock_guard lock(mutex);
  for (Connection& conn : kept) EXPECT_THROW(conn.execute("SELECT 1"), UsageError);
  kept.clear();
}

TEST_F(Configure, that_works_again_ends_the_failure) {
  std::atomic<bool> fails = true;
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .configure = [&](Connection&) {
                              if (fails) throw std::runtime_error("not yet");
                            }});
  EXPECT_TRUE(eventually([&] { return db.stats().connections_errors >= 2; }));
  fails = false;
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  fails = true;  // after a reset: the connection is not given to anybody
  const int before = db.fetch_val<int>("SELECT pg_backend_pid()");
  db.execute("SET work_mem = '1MB'");
  EXPECT_TRUE(eventually([&] { return db.stats().connections_errors >= 4; }));
  fails = false;
  EXPECT_NE(db.fetch_val<int>("SELECT pg_backend_pid()"), before);
}

TEST_F(Configure, that_blocks_holds_up_no_other_connection) {
  Barrier barrier;
  std::atomic<int> calls = 0;
  PooledDatabase db = open({.min_size = 2, .max_size = 2, .num_workers = 1, .configure = [&](Connection&) {
                              if (++calls == 2) barrier.wait();
                            }});
  std::optional<Connection> first = db.connection();
  auto waiting = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 1"); });
  EXPECT_TRUE(eventually([&] { return barrier.inside() == 1; }));
  EXPECT_EQ(first->fetch_val<int>("SELECT 2"), 2);
  first.reset();
  EXPECT_EQ(waiting.get(), 1) << "served by the connection that is ready";
  for (int i = 0; i < 100; ++i) db.execute("SELECT 1");
  db.execute("SET work_mem = '1MB'");  // also the background goes on
  EXPECT_TRUE(eventually([&] { return db.stats().resets_num == 2 && db.stats().pool_available == 1; }));
  EXPECT_EQ(barrier.inside(), 1);
  barrier.open();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 2; }));
}

TEST_F(Configure, that_does_not_return_is_given_up_and_not_tried_for_ever) {
  Barrier barrier;
  std::atomic<int> calls = 0;
  const auto failures = std::make_shared<Failures>();
  PooledDatabase db = open({.min_size = 2,
                            .max_size = 2,
                            .connect_timeout = 500ms,
                            .observer = failures,
                            .configure = [&](Connection&) {
                              ++calls;
                              barrier.wait();
                            }});
  const std::string refused = "configure failed: 2 earlier calls have not returned yet";
  EXPECT_TRUE(eventually([&] { return failures->last_is(refused); }));
  EXPECT_TRUE(failures->first_is("configure did not return within connect_timeout"));
  EXPECT_EQ(error_of<PoolTimeout>([&] { (void)db.connection(1ms); }).cause, refused);
  EXPECT_EQ(calls, 2) << "as many threads are lost as the pool has connections";
  barrier.open();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == 2; })) << "no call is under way any more";
}

TEST_F(Configure, is_called_for_all_connections_at_once_also_when_there_are_more_than_at_first) {
  constexpr int size = 4;
  Barrier barrier;
  std::atomic<bool> meet = false;
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .configure = [&](Connection&) {
                              if (meet) barrier.wait();
                            }});
  db.resize(size, size);
  std::vector<Connection> leases;
  for (int i = 0; i < size; ++i) leases.push_back(db.connection());
  for (Connection& lease : leases) lease.execute("SET work_mem = '1MB'");
  meet = true;
  leases.clear();  // all are wiped, and made ready again
  EXPECT_TRUE(eventually([&] { return barrier.inside() == size; })) << barrier.inside();
  barrier.open();
  EXPECT_TRUE(eventually([&] { return db.stats().pool_available == size; }));
  EXPECT_EQ(db.stats().connections_num, static_cast<std::uint64_t>(size)) << "none was refused";
}

TEST_F(Configure, is_cut_off_by_close) {
  Barrier barrier;
  std::atomic<bool> cut = false;
  std::atomic<int> calls = 0;
  PooledDatabase db = open({.min_size = 2, .max_size = 2, .configure = [&](Connection& conn) {
                              if (++calls == 1) return barrier.wait();
                              try {
                                conn.execute("SELECT pg_sleep(60) /* cut */");
                              } catch (const UsageError&) {
                                cut = true;
                              }
                            }});
  PooledDatabase other = open({.min_size = 1, .max_size = 1});
  EXPECT_TRUE(eventually([&] {
    return barrier.inside() == 1 &&
           other.fetch_val<int>(
               "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%/* cut */' AND pid "
               "<> pg_backend_pid()") == 1;
  }));
  EXPECT_LT(time_of([&] { db.close(0s); }).count(), 1);
  EXPECT_EQ(db.stats().pool_size, 0U);
  EXPECT_TRUE(eventually([&] { return cut.load(); }));
}

TEST_F(Configure, may_call_the_pool) {
  std::atomic<PooledDatabase*> pool = nullptr;
  std::atomic<int> answers = 0;
  std::mutex mutex;
  std::set<std::thread::id> threads;
  PooledDatabase db = open({.min_size = 1, .max_size = 3, .configure = [&](Connection&) {
                              const std::lock_guard lock(mutex);
                              threads.insert(std::this_thread::get_id());
                              if (pool == nullptr) return;
                              (void)pool.load()->stats();
                              (void)pool.load()->to_string();
                              answers += pool.load()->fetch_val<int>("SELECT 1");
                              pool.load()->resize(1, 2);
                            }});
  db.wait();
  pool = &db;
  std::optional<Connection> first = db.connection();
  auto second = std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 2"); });
  EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting >= 2; })) << "who waits, and the callback";
  first.reset();
  EXPECT_EQ(second.get(), 2);
  // a third connection may be opened for those who wait
  EXPECT_TRUE(eventually([&] { return answers >= 1; }));
  EXPECT_TRUE(eventually([&] { return db.stats().pool_max == 2; }));
  EXPECT_TRUE(eventually([&] { return db.stats().pool_size == 2; }));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(threads.count(std::this_thread::get_id()), 0U);
}

class Asked : public DatabaseTest {};

/// A password that is changed while `credentials` is asked for it.
class RotatedPassword {
 public:
  [[nodiscard]] Credentials give() {
    const std::lock_guard lock(mutex_);
    return {.password = password_};
  }
  void rotate(PooledDatabase& db) {
    db.execute("ALTER ROLE postgres PASSWORD 'second'");
    const std::lock_guard lock(mutex_);
    password_ = "second";
  }

 private:
  std::mutex mutex_;
  std::string password_ = "first";
};

TEST_F(Asked, credentials_are_fresh_for_each_connect) {
  testing::ThrowawayPostgres asking({.password = "first"});
  Config config = Config::from_url(asking.tcp_url());
  config.password = "never right";
  RotatedPassword password;
  std::atomic<int> calls = 0;
  PooledDatabase db(config, {.min_size = 2, .max_size = 2, .timeout = 20s, .credentials = [&] {
                               ++calls;
                               return password.give();
                             }});
  db.wait();
  EXPECT_EQ(calls, 2);
  password.rotate(db);
  db.drain();
  db.wait();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(db.stats().connections_errors, 0U);
  EXPECT_GE(calls, 4);
}

TEST_F(Asked, credentials_serve_for_their_time_and_are_asked_for_again_when_the_server_refuses_them) {
  testing::ThrowawayPostgres asking({.password = "first"});
  RotatedPassword password;
  std::atomic<int> calls = 0;
  PoolOptions options{.min_size = 2, .max_size = 2, .timeout = 20s, .num_workers = 1};
  options.credentials_ttl = 600s;
  options.credentials = [&] {
    ++calls;
    return password.give();
  };
  PooledDatabase db(Config::from_url(asking.tcp_url()), options);
  db.wait();
  EXPECT_EQ(calls, 1);
  db.drain();
  db.wait();
  EXPECT_EQ(calls, 1) << "they serve for other connects";
  password.rotate(db);
  db.drain();
  db.wait();
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(db.stats().connections_errors, 0U) << "nobody hears of it";
}

TEST_F(Asked, credentials_that_were_just_given_are_not_asked_for_again) {
  testing::ThrowawayPostgres asking({.password = "right"});
  std::atomic<int> calls = 0;
  PoolOptions options{.min_size = 0, .max_size = 1};
  options.credentials_ttl = 600s;
  options.credentials = [&] {
    ++calls;
    return Credentials{.password = "wrong"};
  };
  PooledDatabase db(Config::from_url(asking.tcp_url()), options);
  EXPECT_THROW((void)db.connection(5s), ConfigurationError);
  EXPECT_EQ(calls, 1);
}

TEST_F(Asked, credentials_name_the_server) {
  testing::ThrowawayPostgres other;
  Config nowhere;
  nowhere.host = "127.0.0.1";
  nowhere.port = 1;
  nowhere.database = "postgres";
  PooledDatabase db(nowhere, {.min_size = 1, .max_size = 1, .credentials = [&] {
                                return Credentials{.user = "postgres",
                                                   .options = {{"host", other.socket_folder().string()},
                                                               {"port", std::to_string(other.port())}}};
                              }});
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(Asked, credentials_name_the_user) {
  PooledDatabase admin = open({.min_size = 1, .max_size = 1});
  admin.execute("CREATE ROLE app LOGIN; CREATE ROLE batch LOGIN");
  std::atomic<bool> by_day = true;
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .credentials = [&] {
                              return Credentials{.user = by_day ? "app" : "batch"};
                            }});
  EXPECT_EQ(db.fetch_val<std::string>("SELECT current_user::text"), "app");
  by_day = false;
  db.drain();
  EXPECT_EQ(db.fetch_val<std::string>("SELECT current_user::text"), "batch");
  db.close();
  PooledDatabase as_configured =
      open({.min_size = 1, .max_size = 1, .credentials = [] { return Credentials{}; }});
  EXPECT_EQ(as_configured.fetch_val<std::string>("SELECT current_user::text"), "postgres");
  admin.execute("DROP ROLE app; DROP ROLE batch");
}

TEST_F(Asked, credentials_that_fail_are_a_failed_connect_whose_reason_is_told) {
  std::atomic<bool> sealed = true;
  PooledDatabase db = open({.min_size = 0, .max_size = 1, .credentials = [&] {
                              if (sealed) throw std::runtime_error("the vault is sealed");
                              return Credentials{};
                            }});
  const ErrorInfo info = error_of<PoolTimeout>([&] { (void)db.connection(100ms); });
  EXPECT_EQ(info.cause, "credentials failed: the vault is sealed");
  EXPECT_GE(db.stats().connections_errors, 1U);
  sealed = false;
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);

  PooledDatabase nul = open({.min_size = 0, .max_size = 1, .credentials = [] {
                               return Credentials{.password = std::string("a\0b", 3)};
                             }});
  EXPECT_EQ(error_of<PoolTimeout>([&] { (void)nul.connection(100ms); }).cause,
            "credentials failed: it gave a string with a NUL");
}

TEST_F(Asked, credentials_that_do_not_come_hold_up_nobody_and_are_given_up) {
  Barrier barrier;
  std::atomic<int> calls = 0;
  const auto failures = std::make_shared<Failures>();
  PooledDatabase db = open({.min_size = 2,
                            .max_size = 2,
                            .num_workers = 1,
                            .connect_timeout = 500ms,
                            .observer = failures,
                            .credentials = [&] {
                              if (++calls > 1) barrier.wait();
                              return Credentials{};
                            }});
  EXPECT_TRUE(eventually([&] { return barrier.inside() == 1; }));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  EXPECT_TRUE(
      eventually([&] { return failures->first_is("credentials did not return within connect_timeout"); }));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
  barrier.open();
  db.wait();
}

}  // namespace
}  // namespace copg::test
