// What observers are told of statements: before and after each call, on the caller's thread.
#include "integration/database_test.hpp"

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <thread>
#include <vector>

namespace copg::test {
namespace {

class StatementHook : public DatabaseTest {};

struct Seen {
  std::thread::id thread;
  event::Verb verb{};
  std::string text;
  std::vector<Oid> types;
  std::size_t statements = 0;
  // of the end
  bool ended = false;
  std::string pool;
  std::uint64_t connection = 0;
  int backend_pid = 0;
  std::int64_t rows = -1;
  std::chrono::nanoseconds wait{-1};
  std::chrono::nanoseconds took{-1};
  bool shared = false;
  bool abandoned = false;
  std::string sqlstate;
  std::optional<ErrorKind> kind;
};

class Tracer final : public Observer {
 public:
  std::shared_ptr<void> statement_began(const event::StatementBegan& event) noexcept override {
    auto span = std::make_shared<Seen>();
    span->thread = std::this_thread::get_id();
    span->verb = event.verb;
    span->text = event.text;
    span->types.assign(event.types.begin(), event.types.end());
    span->statements = event.statements;
    const std::lock_guard lock(mutex_);
    spans_.push_back(span);
    return span;
  }
  void statement_ended(const event::StatementEnded& event,
                       const std::shared_ptr<void>& begun) noexcept override {
    Seen& span = *std::static_pointer_cast<Seen>(begun);
    const std::lock_guard lock(mutex_);
    EXPECT_FALSE(span.ended) << span.text;
    EXPECT_EQ(span.text, event.text);
    EXPECT_EQ(span.thread, std::this_thread::get_id());
    span.ended = true;
    span.pool = event.pool;
    span.connection = event.connection;
    span.backend_pid = event.backend_pid;
    span.rows = event.rows;
    span.wait = event.wait;
    span.took = event.took;
    span.shared = event.shared;
    span.abandoned = event.abandoned;
    if (event.error != nullptr) {
      span.kind = event.error->kind;
      span.sqlstate = event.error->sqlstate.text();
    }
  }
  void slow_statement(const event::SlowStatement& event) noexcept override {
    const std::lock_guard lock(mutex_);
    slow_.push_back(event.where + ": " + event.text);
  }

  [[nodiscard]] std::vector<Seen> spans() {
    const std::lock_guard lock(mutex_);
    std::vector<Seen> copies;
    for (const auto& span : spans_) copies.push_back(*span);
    return copies;
  }
  /// The last one, which has ended.
  [[nodiscard]] Seen last() {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(spans_.back()->ended);
    return *spans_.back();
  }
  [[nodiscard]] std::vector<std::string> slow() {
    const std::lock_guard lock(mutex_);
    return slow_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Seen>> spans_;
  std::vector<std::string> slow_;
};

TEST_F(StatementHook, tells_of_every_verb_once_before_and_once_after) {
  const auto tracer = std::make_shared<Tracer>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .name = "traced", .observer = tracer});
  db.execute("CREATE TABLE traced (n int)");
  const auto check = [&](event::Verb verb, const std::string& text, std::int64_t rows) {
    const Seen seen = tracer->last();
    EXPECT_EQ(to_string(seen.verb), to_string(verb));
    EXPECT_EQ(seen.text, text);
    EXPECT_EQ(seen.rows, rows);
    EXPECT_EQ(seen.pool, "traced");
    EXPECT_EQ(seen.connection, 1U);
    EXPECT_GT(seen.backend_pid, 0);
    EXPECT_GT(seen.took, 0ns);
    EXPECT_GE(seen.wait, 0ns);
    EXPECT_FALSE(seen.kind || seen.shared || seen.abandoned);
  };
  check(event::Verb::execute, "CREATE TABLE traced (n int)", 0);
  db.execute("INSERT INTO traced SELECT generate_series(1, $1)", 3);
  check(event::Verb::execute, "INSERT INTO traced SELECT generate_series(1, $1)", 3);
  EXPECT_EQ(tracer->last().types, std::vector<Oid>{oid::int4});
  (void)db.fetch_all<int>("SELECT n FROM traced");
  check(event::Verb::execute, "SELECT n FROM traced", 3);
  const std::vector<std::tuple<int>> rows = {{1}, {2}};
  db.execute_many("INSERT INTO traced VALUES ($1)", rows);
  check(event::Verb::execute_many, "INSERT INTO traced VALUES ($1)", 2);
  (void)db.execute_all(Pipeline().add("SELECT 1").add("SELECT 2"));
  check(event::Verb::execute_all, "SELECT 1", 2);
  EXPECT_EQ(tracer->last().statements, 2U);
  {
    Connection conn = db.connection();
    conn.execute("SELECT 1");
    check(event::Verb::execute, "SELECT 1", 1);
    conn.commit();
    check(event::Verb::commit, "COMMIT", 0);
    conn.execute("SELECT 1");
    conn.rollback();
    check(event::Verb::rollback, "ROLLBACK", 0);
  }
  for (auto row : db.stream("SELECT n FROM traced")) (void)row;
  for (const Seen& seen : tracer->spans()) EXPECT_TRUE(seen.ended) << seen.text;
  EXPECT_TRUE(std::ranges::any_of(tracer->spans(), [](const Seen& seen) {
    return seen.verb == event::Verb::stream && seen.text == "SELECT n FROM traced" && seen.rows == 5;
  }));
  db.execute("DROP TABLE traced");
}

TEST_F(StatementHook, tells_why_a_statement_failed) {
  const auto tracer = std::make_shared<Tracer>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .observer = tracer});
  EXPECT_THROW(db.execute("SELECT 1 / 0"), QueryFailed);
  EXPECT_EQ(tracer->last().sqlstate, "22012");
  EXPECT_EQ(tracer->last().kind, ErrorKind::query_failed);
  EXPECT_THROW(db.within(50ms).execute("SELECT pg_sleep(10)"), QueryTimeout);
  EXPECT_EQ(tracer->last().kind, ErrorKind::query_timeout);
  {
    Connection held = db.connection();
    std::async(std::launch::async, [&] {
      EXPECT_THROW(db.within(20ms).execute("SELECT 3"), PoolTimeout);
    }).get();
    EXPECT_EQ(tracer->last().kind, ErrorKind::pool_timeout);
    EXPECT_EQ(tracer->last().connection, 0U);
    EXPECT_GE(tracer->last().wait, 20ms);
  }
  struct Broken final : RowSource {
    bool next(Params&) override { throw std::runtime_error("the program's own"); }
  } broken;
  EXPECT_THROW(db.execute_many("SELECT $1::int", broken), std::runtime_error);
  EXPECT_TRUE(tracer->last().abandoned);
  EXPECT_FALSE(tracer->last().kind);
}

TEST_F(StatementHook, tells_of_statements_that_travel_with_others) {
  const auto tracer = std::make_shared<Tracer>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .observer = tracer});
  const int pid = db.fetch_val<int>("SELECT pg_backend_pid()");
  std::vector<std::future<int>> callers;
  {
    Connection held = db.connection();
    for (int i = 0; i < 4; ++i)
      callers.push_back(std::async(std::launch::async, [&] { return db.fetch_val<int>("SELECT 7"); }));
    EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 4; }));
  }
  for (auto& caller : callers) EXPECT_EQ(caller.get(), 7);
  const auto spans = tracer->spans();
  EXPECT_EQ(std::ranges::count_if(spans,
                                  [&](const Seen& seen) {
                                    return seen.text == "SELECT 7" && seen.shared && seen.ended &&
                                           seen.rows == 1 && seen.connection == 1 &&
                                           seen.backend_pid == pid && seen.wait > 0ns && seen.took > 0ns;
                                  }),
            4);
}

TEST_F(StatementHook, tells_of_slow_statements_without_their_parameters) {
  const auto tracer = std::make_shared<Tracer>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .slow_statement = 40ms, .observer = tracer});
  db.execute("SELECT 'quick'");
  db.execute("SELECT pg_sleep(0.05),\n  $1::text", "secret");
  ASSERT_EQ(tracer->slow().size(), 1U);
  const std::string slow = tracer->slow().front();
  EXPECT_NE(slow.find("statement_hook_test.cpp:"), std::string::npos) << slow;
  EXPECT_TRUE(slow.ends_with(": SELECT pg_sleep(0.05), $1::text")) << slow;
  EXPECT_EQ(slow.find("secret"), std::string::npos);
}

TEST_F(StatementHook, tells_as_much_in_a_storm_of_threads) {
  const auto tracer = std::make_shared<Tracer>();
  {
    PooledDatabase db = open({.min_size = 2, .max_size = 4, .observer = tracer});
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&db, i] {
        for (int n = 0; n < 50; ++n) {
          if (n % 10 == i) {
            db.connection().close();
          } else {
            (void)db.fetch_val<int>("SELECT $1", n);
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  const auto spans = tracer->spans();
  EXPECT_EQ(spans.size(), static_cast<std::size_t>(8 * 45));
  for (const Seen& seen : spans) EXPECT_TRUE(seen.ended && !seen.kind);
}

}  // namespace
}  // namespace copg::test
