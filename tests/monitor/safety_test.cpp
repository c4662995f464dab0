// What a monitor bears: streams, slow readers, crowds, forks, and storms.
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "monitor/monitor_test.hpp"
#include "support/process_census.hpp"
#include "support/sanitizers.hpp"

namespace copg::test {
namespace {

class MonitorSafety : public MonitorTest {
 protected:
  static constexpr std::string_view ask_for_events = "GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n";

  static json::value event_from(HttpClient& client) {
    const std::string event = client.until("\n\n");
    EXPECT_TRUE(event.starts_with("data: {")) << event;
    return json::parse(event.substr(6));
  }
};

TEST_F(MonitorSafety, events_come_twice_a_second_to_all_who_look) {
  PooledDatabase db = open({.min_size = 1});
  Monitor monitor;
  monitor.add(db);
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 5; ++i) {
    clients.push_back(std::make_unique<HttpClient>(monitor.port()));
    clients.back()->send(ask_for_events);
    const HttpAnswer head = clients.back()->answer();
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.header("Content-Type"), "text/event-stream");
  }
  for (const auto& client : clients) {
    const double first = event_from(*client).at("time").to_number<double>();
    const double second = event_from(*client).at("time").to_number<double>();
    const double third = event_from(*client).at("time").to_number<double>();
    EXPECT_GT(second, first);
    EXPECT_GT(third - second, 0.4);
    EXPECT_LT(third - second, 5);
  }
}

TEST_F(MonitorSafety, a_slow_reader_gets_the_latest_and_is_dropped_in_the_end) {
  Monitor monitor;
  // Texts that fill what the system keeps for a socket, so that the reader's slowness is felt.
  const std::string padding(200, 'x');
  std::vector<PooledDatabase> pools;
  for (int i = 0; i < 5; ++i) {
    pools.push_back(open({.min_size = 1, .max_size = 1}));
    monitor.add(pools.back());
    for (int k = 0; k < 20; ++k) EXPECT_THROW(pools.back().execute("SELECT " + padding), QueryFailed);
  }
  HttpClient slow(monitor.port());
  const int little = 4096;
  setsockopt(slow.fd(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
  slow.send(ask_for_events);
  HttpClient quick(monitor.port());
  quick.send(ask_for_events);
  quick.answer();
  const auto census = [] { return Census().descriptors; };
  const auto before = census();
  int events = 0;
  // The slow one is dropped 5 s after its socket is full; the quick one is served all the while.
  EXPECT_TRUE(
      eventually([&] { return event_from(quick).is_object() && ++events > 0 && census() < before; }, 60s));
  EXPECT_GT(events, 5);
}

TEST_F(MonitorSafety, more_clients_than_may_be_are_turned_away) {
  Monitor monitor;
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<HttpClient>(monitor.port()));
    ASSERT_EQ(clients.back()->get("/health").status, 200) << i;
  }
  EXPECT_EQ(HttpClient(monitor.port()).get("/health").status, 0);
  EXPECT_EQ(HttpClient(monitor.socket_path()).get("/health").status, 200) << "it has a bound of its own";
  clients.pop_back();
  EXPECT_TRUE(eventually([&] { return HttpClient(monitor.port()).get("/health").status == 200; }));
}

TEST_F(MonitorSafety, nothing_is_left_of_it) {
  PooledDatabase db = open({.min_size = 1});
  db.wait();
  { const Monitor first; }
  const Census before;
  {
    Monitor monitor;
    monitor.add(db);
    HttpClient client(monitor.port());
    client.send(ask_for_events);
    client.answer();
    const std::string file = monitor.socket_path();
    EXPECT_TRUE(std::filesystem::exists(file));
    monitor.close();
    monitor.close();
    EXPECT_TRUE(client.ends());
    EXPECT_FALSE(std::filesystem::exists(file));
    EXPECT_THROW(HttpClient(monitor.port()), std::runtime_error);
    monitor.add(db);
  }
  EXPECT_TRUE(eventually([&] { return Census().within(before); }));
  EXPECT_EQ(db.fetch_val<int>("SELECT 1"), 1);
}

TEST_F(MonitorSafety, a_forked_child_has_none_and_holds_nothing_of_it) {
  if (under_thread_sanitizer)
    GTEST_SKIP() << "the thread sanitizer does not follow a fork of a program with threads";
  PooledDatabase db = open({.min_size = 1, .timeout = 10s});
  auto monitor = std::make_unique<Monitor>();
  monitor->add(db);
  HttpClient client(monitor->port());
  client.send(ask_for_events);
  client.answer();
  int to_parent[2];
  int to_child[2];
  ASSERT_EQ(pipe(to_parent) + pipe(to_child), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // Its pool has the monitor's observer, which must do no harm.
    bool right = db.fetch_val<int>("SELECT 1") == 1;
    try {
      db.execute("SELECT nothing");
      right = false;
    } catch (const QueryFailed&) {
    }
    const std::string file = monitor->socket_path();
    monitor->add(db);
    monitor->close();
    monitor.reset();
    right = right && std::filesystem::exists(file);
    const char told = right ? '1' : '0';
    char end = 0;
    (void)!write(to_parent[1], &told, 1);
    (void)!read(to_child[0], &end, 1);
    _exit(0);
  }
  char told = 0;
  ASSERT_EQ(read(to_parent[0], &told, 1), 1);
  EXPECT_EQ(told, '1');
  EXPECT_TRUE(event_from(client).is_object()) << "the parent's goes on";
  // The child lives, and keeps neither the port nor a client's connection open.
  const std::uint16_t port = monitor->port();
  monitor.reset();
  EXPECT_TRUE(client.ends());
  EXPECT_THROW(HttpClient{port}, std::runtime_error);
  const Monitor again({.port = port});
  EXPECT_EQ(write(to_child[1], "x", 1), 1);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  for (const int fd : {to_parent[0], to_parent[1], to_child[0], to_child[1]}) close(fd);
}

TEST_F(MonitorSafety, a_storm_of_statements_questions_and_pools_that_come_and_go) {
  Monitor monitor;
  PooledDatabase db = open({.min_size = 1, .max_size = 3, .name = "stays"});
  monitor.add(db);
  std::atomic<bool> over = false;
  std::atomic<int> answers = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (!over) {
        db.execute("SELECT 1");
        EXPECT_THROW(db.execute("SELECT 1/0"), QueryFailed);
      }
    });
  }
  threads.emplace_back([&] {
    while (!over) {
      PooledDatabase goes = open({.min_size = 1, .max_size = 1, .name = "goes"});
      monitor.add(goes);
      goes.execute("SELECT 1");
    }
  });
  for (const char* target : {"/stats.json", "/metrics", "/health", "/"}) {
    threads.emplace_back([&, target] {
      while (!over) {
        HttpClient client(monitor.port());
        for (int i = 0; i < 10; ++i) answers += client.get(target).status == 200 ? 1 : 0;
      }
    });
  }
  std::string last;
  EXPECT_TRUE(eventually([&] { return answers > 400; }, 60s));
  {
    HttpClient viewer(monitor.port());
    viewer.send(ask_for_events);
    viewer.answer();
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(event_from(viewer).is_object());
  }
  over = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(document(monitor).at("pools").as_array().size(), 1U);
}

TEST_F(MonitorSafety, observers_that_join_later_hear_what_comes_and_leave_again) {
  class Counting : public Observer {
   public:
    std::atomic<int> began = 0;
    std::atomic<int> ended = 0;
    std::atomic<int> returned = 0;
    [[nodiscard]] std::shared_ptr<void> statement_began(const event::StatementBegan&) noexcept override {
      ++began;
      return std::make_shared<int>(7);
    }
    void statement_ended(const event::StatementEnded&, const std::shared_ptr<void>& begun) noexcept override {
      ++ended;
      if (begun) returned += *std::static_pointer_cast<int>(begun);
    }
  };
  const auto first = std::make_shared<Counting>();
  const auto second = std::make_shared<Counting>();
  const auto given = std::make_shared<Counting>();
  PooledDatabase db = open({.min_size = 1, .observer = given});
  const PoolView view = db.view();
  view.add_observer(first);
  db.execute("SELECT 1");
  std::thread slow([&] { db.execute("SELECT pg_sleep(0.3)"); });
  EXPECT_TRUE(eventually([&] { return first->began == 2; }));
  view.add_observer(second);
  view.remove_observer(*first);
  slow.join();
  db.execute("SELECT 2");
  EXPECT_EQ(first->ended, 2) << "of the call that had begun it hears the end";
  EXPECT_EQ(first->returned, 14);
  EXPECT_EQ(second->began, 1) << "of the call that had begun it hears nothing";
  EXPECT_EQ(second->ended, 1);
  EXPECT_EQ(given->ended, 3);
  EXPECT_EQ(given->returned, 21);
  view.remove_observer(*first);
  view.remove_observer(*second);
  EXPECT_EQ(second.use_count(), 1) << "the pool has let go of it";
}

}  // namespace
}  // namespace copg::test
