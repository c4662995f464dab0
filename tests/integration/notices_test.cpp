// Notices: each reaches the caller of its statement, and the observer.
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "integration/database_test.hpp"

namespace copg::test {
namespace {

class Notices : public DatabaseTest {
 protected:
  static void make_function(PooledDatabase& db) {
    db.execute(
        "CREATE OR REPLACE FUNCTION tell(what text, times int) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
        "FOR i IN 1..times LOOP RAISE NOTICE '% %', what, i USING DETAIL = 'a detail', HINT = 'a hint'; END "
        "LOOP; "
        "RETURN what; END $$");
  }
};

TEST_F(Notices, reach_the_caller_of_their_statement) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  make_function(db);
  for (int i = 0; i < 3; ++i) {  // prepared or not
    const Result result = db.execute("SELECT tell($1, 2)", "one");
    const std::vector<Notice> notices = result.notices();
    ASSERT_EQ(notices.size(), 2U);
    EXPECT_EQ(notices[0].severity, "NOTICE");
    EXPECT_EQ(notices[0].sqlstate.text(), "00000");
    EXPECT_EQ(notices[0].message, "one 1");
    EXPECT_EQ(notices[1].message, "one 2");
    EXPECT_EQ(notices[0].detail, "a detail");
    EXPECT_EQ(notices[0].hint, "a hint");
    EXPECT_NE(notices[0].context.find("tell"), std::string::npos);
    EXPECT_TRUE(db.execute("SELECT 1").notices().empty());
  }
  EXPECT_EQ(db.execute("DROP TABLE IF EXISTS no_such_table").notices().size(), 1U);
  EXPECT_EQ(db.execute("SELECT tell('a', 1); SELECT tell('b', 1)").notices().size(), 2U);
  EXPECT_TRUE(Result().notices().empty());
}

TEST_F(Notices, of_a_failed_statement_reach_nobody_elses) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  make_function(db);
  EXPECT_THROW(db.execute("SELECT tell('lost', 1), 1 / (length(tell('lost', 1)) - 4)"), QueryFailed);
  EXPECT_TRUE(db.execute("SELECT 1").notices().empty());
}

TEST_F(Notices, are_bounded) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  make_function(db);
  EXPECT_EQ(db.execute("SELECT tell('many', 3000)").notices().size(), 1000U);
  EXPECT_TRUE(db.execute("SELECT 1").notices().empty());
}

TEST_F(Notices, of_statements_that_travel_together_reach_each_its_own) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  make_function(db);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        // A function that may write travels behind others, with nothing behind it.
        const int times = t % 2 == 0 ? 0 : 1 + i % 2;
        const std::string what = std::to_string(t) + "/" + std::to_string(i);
        const std::vector<Notice> notices = (times == 0 ? db.execute("SELECT $1::text", what)
                                                        : db.execute("SELECT tell($1, $2)", what, times))
                                                .notices();
        if (notices.size() != static_cast<std::size_t>(times)) ++wrong;
        for (const Notice& notice : notices) {
          if (!notice.message.starts_with(what + " ")) ++wrong;
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(db.stats().statements_shared, 0U);
}

struct Watcher final : Observer {
  void noticed(const event::Noticed& event) noexcept override {
    const std::lock_guard lock(mutex);
    messages.push_back(event.notice.message);
  }
  std::mutex mutex;
  std::vector<std::string> messages;
};

TEST_F(Notices, are_told_to_the_observer) {
  auto watcher = std::make_shared<Watcher>();
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .observer = watcher});
  make_function(db);
  {
    Connection conn = db.connection();
    conn.execute("SELECT tell('kept', 1)");
    EXPECT_THROW(conn.execute("SELECT tell('failed', 1), 1 / (length(tell('failed', 1)) - 6)"), QueryFailed);
  }
  const std::lock_guard lock(watcher->mutex);
  EXPECT_EQ(watcher->messages, (std::vector<std::string>{"kept 1", "failed 1", "failed 1"}));
}

}  // namespace
}  // namespace copg::test
