// What a monitor says of pools: the document, and their health.
#include <boost/asio/io_context.hpp>

#include <sys/wait.h>

#include <future>
#include <memory>
#include <thread>

#include "monitor/monitor_test.hpp"

namespace copg::test {
namespace {

class MonitorContents : public MonitorTest {
 protected:
  Monitor monitor{{.program = "the test"}};

  [[nodiscard]] HttpAnswer health() const { return HttpClient(monitor.port()).get("/health"); }
};

TEST_F(MonitorContents, the_process_and_each_pool) {
  const json::value empty = document(monitor);
  EXPECT_EQ(empty.at("version").as_int64(), 1);
  EXPECT_EQ(empty.at("process").at("pid").as_int64(), getpid());
  EXPECT_EQ(text_of(empty.at("process").at("program")), "the test");
  EXPECT_TRUE(empty.at("pools").as_array().empty());
  PooledDatabase db = open({.min_size = 1, .max_size = 3, .name = "orders"});
  db.wait();
  monitor.add(db);
  monitor.add(db);
  AsyncPooledDatabase loop(boost::asio::any_io_executor(), db);
  monitor.add(loop);
  EXPECT_EQ(document(monitor).at("pools").as_array().size(), 1U) << "it is the same pool";
  const json::object pool = pool_of(monitor);
  EXPECT_EQ(text_of(pool.at("name")), "orders");
  EXPECT_EQ(text_of(pool.at("state")), "open");
  EXPECT_EQ(pool.at("min_size").as_int64(), 1);
  EXPECT_EQ(pool.at("max_size").as_int64(), 3);
  EXPECT_EQ(pool.at("connections").at("idle").as_int64(), 1);
  EXPECT_TRUE(pool.at("health").at("ok").as_bool());
}

TEST_F(MonitorContents, leases_with_place_age_and_transaction) {
  PooledDatabase db = open({.min_size = 1});
  monitor.add(db);
  Connection conn = db.connection();
  const std::uint32_t line = __LINE__ - 1;
  conn.name("import");
  conn.execute("SELECT 1");
  const json::object pool = pool_of(monitor);
  EXPECT_EQ(pool.at("leases_total").as_int64(), 1);
  const json::object& lease = pool.at("leases").at(0).as_object();
  EXPECT_NE(text_of(lease.at("place")).find("contents_test.cpp:" + std::to_string(line)), std::string::npos);
  EXPECT_EQ(text_of(lease.at("name")), "import");
  EXPECT_EQ(lease.at("backend_pid").as_int64(), conn.backend_pid());
  EXPECT_EQ(text_of(lease.at("transaction")), "open");
  EXPECT_NE(text_of(lease.at("holder")).find("thread '"), std::string::npos);
  EXPECT_TRUE(lease.at("statement").is_null());
  EXPECT_FALSE(lease.at("held_idle").as_bool());
  EXPECT_TRUE(eventually([&] { return pool_of(monitor).at("leases").at(0).at("held_idle").as_bool(); }));
}

TEST_F(MonitorContents, waiters_of_both_kinds) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .share = false});
  monitor.add(db);
  std::optional<Connection> conn = db.connection();
  std::thread connection([&] { (void)db.connection(); });
  std::thread statement([&] { db.execute("SELECT 'it waits'"); });
  EXPECT_TRUE(eventually([&] { return db.stats().requests_waiting == 2; }));
  const json::object pool = pool_of(monitor);
  EXPECT_EQ(pool.at("waiters").at("connection").as_int64(), 1);
  EXPECT_EQ(pool.at("waiters").at("statement").as_int64(), 1);
  EXPECT_EQ(pool.at("waiting_total").as_int64(), 2);
  int texts = 0;
  for (const json::value& waiter : pool.at("waiting").as_array()) {
    const bool is_statement = text_of(waiter.at("kind")) == "statement";
    EXPECT_EQ(waiter.at("statement").is_null(), !is_statement);
    if (is_statement) texts += text_of(waiter.at("statement")) == "SELECT 'it waits'" ? 1 : 0;
  }
  EXPECT_EQ(texts, 1);
  conn.reset();
  connection.join(), statement.join();
}

TEST_F(MonitorContents, times_of_the_last_minute_and_the_slowest_texts) {
  PooledDatabase db = open({.min_size = 1});
  monitor.add(db);
  for (int i = 0; i < 20; ++i) db.execute("SELECT 1");
  db.execute("SELECT pg_sleep(0.05)");
  const json::object pool = pool_of(monitor);
  const json::object& minute = pool.at("minute").as_object();
  EXPECT_EQ(minute.at("operation").at("count").as_int64(), 21);
  EXPECT_GE(minute.at("operation").at("max").as_double(), 0.05);
  EXPECT_GT(minute.at("requests_per_second").as_double(), 0);
  std::int64_t in_buckets = 0;
  double end = 0;
  for (const json::value& bucket : minute.at("operation").at("buckets").as_array()) {
    EXPECT_GT(bucket.at(0).to_number<double>(), end);
    end = bucket.at(0).to_number<double>();
    in_buckets += bucket.at(1).as_int64();
  }
  EXPECT_EQ(in_buckets, 21);
  EXPECT_EQ(text_of(pool.at("slowest").at(0).at("statement")), "SELECT pg_sleep(0.05)");
  EXPECT_EQ(pool.at("slowest").as_array().size(), 10U);
  EXPECT_EQ(pool.at("totals").at("requests_num").as_int64(), 21);
}

TEST_F(MonitorContents, errors_and_closes_that_came_after_the_pool_was_added) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1});
  EXPECT_THROW(db.execute("SELECT 1/0"), QueryFailed);
  monitor.add(db);
  EXPECT_THROW(db.execute("SELECT nothing"), QueryFailed);
  {
    Connection conn = db.connection();
    std::thread([&] { EXPECT_THROW(db.within(1ms).execute("SELECT 1"), PoolTimeout); }).join();
    EXPECT_THROW(conn.execute("SELECT pg_terminate_backend(pg_backend_pid())"), Error);
  }
  EXPECT_TRUE(eventually([&] { return !pool_of(monitor).at("closes").as_array().empty(); }));
  const json::object pool = pool_of(monitor);
  EXPECT_NE(text_of(pool.at("closes").at(0).at("last_words")).find("terminating connection"),
            std::string::npos);
  std::vector<std::string> seen;
  for (const json::value& error : pool.at("errors").as_array())
    seen.push_back(text_of(error.at("kind")) + " " + text_of(error.at("sqlstate")));
  EXPECT_EQ(seen,
            (std::vector<std::string>{"connection_failed 57P01", "pool_timeout ", "query_failed 42703"}));
}

TEST_F(MonitorContents, hostile_text_as_json) {
  PooledDatabase db = open({.min_size = 1});
  monitor.add(db);
  const std::string text = "SELECT '</script>\"\\\n\x01 é', pg_sleep(0.01)";
  db.execute(text);
  EXPECT_EQ(text_of(pool_of(monitor).at("slowest").at(0).at("statement")), text);
  EXPECT_THROW(db.execute("SELECT '\xff\xc3'"), Error);
  const json::object pool = pool_of(monitor);
  std::string texts;  // whichever took longer
  for (const json::value& one : pool.at("slowest").as_array()) texts += text_of(one.at("statement"));
  EXPECT_NE(texts.find("\uFFFD\uFFFD'"), std::string::npos);
}

TEST_F(MonitorContents, no_texts_where_they_are_switched_off) {
  Monitor discreet({.show_texts = false});
  PooledDatabase db = open({.min_size = 1});
  discreet.add(db);
  db.execute("SELECT 'secret 1'");
  EXPECT_THROW(db.execute("SELECT 'secret 2'::int"), Error);
  Connection conn = db.connection();
  std::thread busy([&] { conn.execute("SELECT 'secret 3', pg_sleep(0.2)"); });
  EXPECT_TRUE(eventually([&] { return !db.leases().at(0).statement.empty(); }));
  const std::string body = HttpClient(discreet.port()).get("/stats.json").body;
  busy.join();
  EXPECT_EQ(body.find("secret"), std::string::npos) << body;
  EXPECT_NE(body.find("\"texts\":false"), std::string::npos);
  EXPECT_NE(body.find("22P02"), std::string::npos) << "the SQLSTATE is no text";
}

TEST_F(MonitorContents, health_by_what_a_pool_can_do) {
  PooledDatabase db = open({.min_size = 1, .max_size = 1, .name = "orders"});
  db.wait();
  Monitor strict({.unhealthy_wait = Seconds(0.05)});
  strict.add(db);
  const auto reason = [&] { return HttpClient(strict.port()).get("/health").body; };
  EXPECT_EQ(reason(), "ok\n");
  std::optional<Connection> conn = db.connection();
  EXPECT_EQ(reason(), "ok\n") << "nobody waits";
  std::thread waiting([&] { (void)db.connection(); });
  EXPECT_TRUE(eventually([&] {
    return reason().find("1 of 1 connections are leased, and 1 wait for one") != std::string::npos;
  }));
  conn.reset();
  waiting.join();
  EXPECT_EQ(reason(), "ok\n");
  db.close();
  const HttpAnswer closed = HttpClient(strict.port()).get("/health");
  EXPECT_EQ(closed.status, 503);
  EXPECT_EQ(closed.body, "orders: the pool is closed\n");
  EXPECT_EQ(text_of(pool_of(strict).at("state")), "closed");
}

TEST_F(MonitorContents, health_of_a_pool_whose_server_is_away) {
  Config nowhere = config();
  nowhere.host = "127.0.0.1", nowhere.port = 1;
  PooledDatabase db(nowhere, {.min_size = 1, .timeout = 1s, .name = "orders"});
  monitor.add(db);
  EXPECT_TRUE(eventually([&] { return health().status == 503; }));
  const std::string reason = health().body;
  EXPECT_NE(reason.find("there is no connection, and every connect has failed for"), std::string::npos)
      << reason;
  EXPECT_NE(reason.find("Connection refused"), std::string::npos) << reason;
  EXPECT_TRUE(eventually([&] { return !pool_of(monitor).at("errors").as_array().empty(); }));
}

TEST_F(MonitorContents, a_pool_that_is_not_open_yet_is_not_healthy) {
  boost::asio::io_context io;
  const AsyncPooledDatabase db(io, config());
  monitor.add(db);
  EXPECT_NE(health().body.find("not open yet"), std::string::npos);
}

TEST_F(MonitorContents, a_pool_that_is_destroyed_is_no_longer_shown) {
  {
    PooledDatabase db = open({.min_size = 1});
    monitor.add(db);
    EXPECT_EQ(document(monitor).at("pools").as_array().size(), 1U);
  }
  EXPECT_TRUE(document(monitor).at("pools").as_array().empty());
  EXPECT_EQ(health().status, 200);
  EXPECT_EQ(HttpClient(monitor.port()).get("/metrics").status, 200);
}

TEST_F(MonitorContents, a_monitor_does_not_keep_its_pool_open) {
  PooledDatabase keeper = open({.min_size = 1});
  const auto sessions = [&] {
    return keeper.fetch_val<int>(
        "SELECT count(*)::int FROM pg_stat_activity WHERE application_name = 'watched'");
  };
  Config watched = config();
  watched.options["application_name"] = "watched";
  {
    PooledDatabase db(watched, {.min_size = 1});
    db.wait();
    monitor.add(db);
    EXPECT_EQ(sessions(), 1);
  }
  EXPECT_TRUE(eventually([&] { return sessions() == 0; }));
}

}  // namespace
}  // namespace copg::test
