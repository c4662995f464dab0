// Listeners: what they hear, what they are told that they have missed, and what ends them.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "integration/database_test.hpp"
#include "support/eventually.hpp"
#include "support/sanitizers.hpp"

namespace copg::test {
namespace {

class Listeners : public DatabaseTest {
 protected:
  static std::string payload_of(const std::optional<Arrival>& arrival) {
    if (!arrival) return "(nothing)";
    if (std::holds_alternative<Gap>(*arrival)) return "(gap)";
    return std::get<Notification>(*arrival).payload;
  }
  static std::optional<Gap> next_gap(Listener& listener) {
    while (const auto arrival = listener.next(20s)) {
      if (std::holds_alternative<Gap>(*arrival)) return std::get<Gap>(*arrival);
    }
    return std::nullopt;
  }
  /// The pids of the server's processes that listen, as pg_stat_activity shows the statement that they ran
  /// last.
  static std::vector<int> listening(PooledDatabase& db) {
    return db.fetch_all<int>(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN %' OR query LIKE 'UNLISTEN %'");
  }
  static void kill_listening(PooledDatabase& db) {
    for (const int pid : listening(db)) db.execute("SELECT pg_terminate_backend($1)", pid);
  }
};

TEST_F(Listeners, hear_what_is_sent_after_they_were_made) {
  PooledDatabase db = open();
  db.notify("jobs", "too early");
  Listener listener = db.listener("jobs");
  db.notify("jobs", "one");
  db.notify("others", "not for us");
  db.notify("jobs");
  const auto first = listener.next(10s);
  ASSERT_TRUE(first && std::holds_alternative<Notification>(*first));
  const auto& notification = std::get<Notification>(*first);
  EXPECT_EQ(notification.channel, "jobs");
  EXPECT_EQ(notification.payload, "one");
  EXPECT_GT(notification.pid, 0);
  EXPECT_EQ(payload_of(listener.next(10s)), "");
  EXPECT_FALSE(listener.next(20ms));
  EXPECT_FALSE(listener.next(0s));
}

TEST_F(Listeners, share_one_connection_outside_max_size_which_ends_with_the_last) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  EXPECT_EQ(db.stats().listening, 0U);
  {
    Listener one = db.listener({"a", "b"});
    Listener two = db.listener({"b", "c"});
    Connection held = db.connection();  // all that the pool may have
    EXPECT_EQ(db.stats().listening, 1U);
    EXPECT_EQ(db.stats().listeners, 2U);
    held.notify("b", "both");
    held.notify("c", "two");
    held.commit();
    EXPECT_EQ(payload_of(one.next(10s)), "both");
    EXPECT_EQ(payload_of(two.next(10s)), "both");
    EXPECT_EQ(payload_of(two.next(10s)), "two");
    EXPECT_FALSE(one.next(0s));
    EXPECT_EQ(db.stats().notifications_num, 2U);
    EXPECT_EQ(db.stats().pool_size, 1U);
  }
  EXPECT_TRUE(eventually([&] { return db.stats().listening == 0; }));
  EXPECT_EQ(db.stats().listeners, 0U);
  EXPECT_TRUE(eventually([&] { return listening(db).empty(); }));
}

TEST_F(Listeners, add_and_remove_channels_while_they_listen) {
  PooledDatabase db = open();
  Listener listener = db.listener({"a"});
  Listener other = db.listener({"a"});
  listener.add("b");
  EXPECT_EQ(listener.channels(), (std::vector<std::string>{"a", "b"}));
  db.notify("b", "added");
  EXPECT_EQ(payload_of(listener.next(10s)), "added");
  listener.remove("a");
  db.notify("a", "removed");
  EXPECT_EQ(payload_of(other.next(10s)), "removed");
  EXPECT_FALSE(listener.next(0s));
  other.remove("a");
  // Nobody wants it any more: the server is told so.
  EXPECT_TRUE(eventually([&] {
    return db.fetch_val<int>(
               "SELECT count(*)::int FROM pg_stat_activity WHERE query LIKE 'UNLISTEN \"a\"%'") == 1;
  }));
  listener.add("a");
  db.notify("a", "again");
  EXPECT_EQ(payload_of(listener.next(10s)), "again");
}

TEST_F(Listeners, take_any_name_that_postgres_takes) {
  PooledDatabase db = open();
  const std::string longest(63, 'x');
  for (const std::string& name :
       {std::string("Mixed Case"), std::string("a\"b;c"), std::string("ümlaut"), longest}) {
    Listener listener = db.listener({name});
    db.notify(name, "for " + name);
    EXPECT_EQ(payload_of(listener.next(10s)), "for " + name);
  }
  for (const std::string& name : {std::string(), std::string(64, 'x'), std::string("a\0b", 3)}) {
    error_of<UsageError>([&] { (void)db.listener({name}); });
    Listener listener = db.listener({"good"});
    error_of<UsageError>([&] { listener.add(name); });
  }
  error_of<UsageError>([&] { (void)db.listener(std::vector<std::string>()); });
  error_of<UsageError>([&] { (void)db.listener({"a"}, 0); });
}

TEST_F(Listeners, get_payloads_of_7999_bytes_and_no_more) {
  PooledDatabase db = open();
  Listener listener = db.listener({"big"});
  db.notify("big", std::string(7999, 'p'));
  EXPECT_EQ(payload_of(listener.next(10s)).size(), 7999U);
  for (const std::size_t size : {8000U, 8001U}) {
    const ErrorInfo error = error_of<QueryFailed>([&] { db.notify("big", std::string(size, 'p')); });
    EXPECT_EQ(error.message, "payload string too long");
  }
}

TEST_F(Listeners, hear_of_a_transaction_when_it_commits) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  db.transaction([&](Connection& conn) {
    conn.notify("jobs", "committed");
    EXPECT_FALSE(listener.next(20ms));
  });
  EXPECT_EQ(payload_of(listener.next(10s)), "committed");
}

TEST_F(Listeners, get_a_gap_after_their_connection_was_lost) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  Listener second = db.listener({"jobs", "more"});
  kill_listening(db);
  for (Listener* each : {&listener, &second}) {
    const auto gap = next_gap(*each);
    ASSERT_TRUE(gap);
    EXPECT_TRUE(gap->reconnected);
    EXPECT_EQ(gap->dropped, 0U);
  }
  db.notify("jobs", "after");  // heard, since the gap has been told
  EXPECT_EQ(payload_of(listener.next(10s)), "after");
  EXPECT_EQ(payload_of(second.next(10s)), "after");
  EXPECT_EQ(db.stats().listening_lost, 1U);
}

TEST_F(Listeners, count_what_a_full_queue_drops) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"}, 3);
  Listener quick = db.listener({"jobs"});
  for (int i = 0; i < 10; ++i) db.notify("jobs", std::to_string(i));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(payload_of(quick.next(10s)), std::to_string(i));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(payload_of(listener.next(10s)), std::to_string(i));
  const auto gap = next_gap(listener);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->dropped, 7U);
  EXPECT_FALSE(gap->reconnected);
  db.notify("jobs", "later");
  EXPECT_EQ(payload_of(listener.next(10s)), "later");
  EXPECT_EQ(db.stats().notifications_dropped, 7U);
}

TEST_F(Listeners, lose_nothing_of_ten_thousand) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"}, 20'000);
  constexpr int count = 10'000;
  db.execute("SELECT pg_notify('jobs', i::text) FROM generate_series(0, $1) AS i", count - 1);
  for (int i = 0; i < count; ++i) ASSERT_EQ(payload_of(listener.next(10s)), std::to_string(i));
  EXPECT_FALSE(listener.next(0s));
}

TEST_F(Listeners, end_with_their_pool) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  std::thread closer([&] {
    EXPECT_TRUE(eventually([&] { return db.stats().listening == 1; }));
    db.close();
  });
  error_of<PoolClosed>([&] { (void)listener.next(); });
  closer.join();
  error_of<PoolClosed>([&] { (void)listener.next(0s); });
  error_of<PoolClosed>([&] { (void)db.listener({"jobs"}); });
}

TEST_F(Listeners, are_closed_by_another_thread) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  std::thread closer([&] { listener.close(); });
  std::optional<Arrival> last;
  try {
    last = listener.next();
  } catch (const UsageError&) {  // it was closed before
  }
  closer.join();
  EXPECT_FALSE(last);
  error_of<UsageError>([&] { (void)listener.next(0s); });
  error_of<UsageError>([&] { listener.add("b"); });
}

TEST_F(Listeners, say_why_they_cant_listen) {
  PooledDatabase unreachable(Config::from_url("postgresql://127.0.0.1:1/none"),
                             {.min_size = 0, .timeout = 200ms});
  const ErrorInfo late = error_of<PoolTimeout>([&] { (void)unreachable.listener({"jobs"}); });
  EXPECT_NE(late.message.find("does not listen to 'jobs'"), std::string::npos) << late.message;
  EXPECT_NE(late.message.find("refused"), std::string::npos) << late.message;
  EXPECT_EQ(unreachable.stats().listeners, 0U);

  Config no_database = config();
  no_database.database = "no_such_database";
  PooledDatabase wrong(no_database, {.min_size = 0});
  const ErrorInfo refused = error_of<ConfigurationError>([&] { (void)wrong.listener({"jobs"}); });
  EXPECT_NE(refused.message.find("no_such_database"), std::string::npos) << refused.message;
}

TEST_F(Listeners, have_a_deadline_of_their_own_to_begin) {
  PooledDatabase unreachable(Config::from_url("postgresql://127.0.0.1:1/none"), {.min_size = 0});
  error_of<PoolTimeout>([&] { (void)unreachable.within(50ms).listener({"jobs"}); });
}

TEST_F(Listeners, of_the_parent_fail_in_a_child) {
  if (under_thread_sanitizer) GTEST_SKIP() << "the thread sanitizer does not run threads in a forked child";
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int status = 1;
    try {
      (void)listener.next(0s);
    } catch (const UsageError& error) {
      status = std::string(error.what()).find("parent process") == std::string::npos ? 2 : 3;
    }
    listener.close();
    try {
      Listener own = db.listener({"jobs"});
      db.notify("jobs", "of the child");
      if (status == 3 && payload_of(own.next(10s)) == "of the child") status = 0;
    } catch (...) {
      status = 4;
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(payload_of(listener.next(10s)), "of the child");
  db.notify("jobs", "of the parent");
  EXPECT_EQ(payload_of(listener.next(10s)), "of the parent");
}

TEST_F(Listeners, get_a_gap_when_the_pool_is_drained) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  db.drain();
  const auto gap = next_gap(listener);
  ASSERT_TRUE(gap);
  EXPECT_TRUE(gap->reconnected);
  EXPECT_EQ(db.stats().listening_lost, 0U);
}

TEST_F(Listeners, hear_in_a_suspended_pool) {
  PooledDatabase db = open();
  PooledDatabase sender = open();
  Listener listener = db.listener({"jobs"});
  db.suspend();
  sender.notify("jobs", "one");
  EXPECT_EQ(payload_of(listener.next(10s)), "one");
}

TEST_F(Listeners, are_for_one_waiting_thread_at_a_time) {
  PooledDatabase db = open();
  Listener listener = db.listener({"jobs"});
  std::optional<Arrival> heard;
  std::thread waits([&] { heard = listener.next(20s); });
  // Until the other thread waits, this one gets nothing.
  EXPECT_TRUE(eventually([&] {
    try {
      (void)listener.next(0s);
      return false;
    } catch (const UsageError&) {
      return true;
    }
  }));
  db.notify("jobs", "one");
  waits.join();
  EXPECT_EQ(payload_of(heard), "one");
}

}  // namespace
}  // namespace copg::test
