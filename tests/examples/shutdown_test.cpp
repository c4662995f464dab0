// The example services: how they end.
#include "examples/service_test.hpp"

namespace copg::test {
namespace {

constexpr auto limit = 5s;

class ServiceEnd : public ServiceTest {
 protected:
  /// Of a service: it has left nothing in the database.
  [[nodiscard]] static bool no_connection_is_left(PooledDatabase& db) {
    return eventually([&] {
      return db.fetch_val<int>("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'service'") ==
             0;
    });
  }
};

TEST_P(ServiceEnd, by_sigint_and_sigterm_is_orderly_with_clients_connected) {
  for (const int signal : {SIGINT, SIGTERM}) {
    Service service = start();
    HttpClient idle(service.port());
    EXPECT_EQ(idle.get("/users/2").body(), one_user);
    HttpClient half_way(service.port());
    half_way.send("GET /users");
    HttpClient silent(service.port());
    service.signal(signal);
    EXPECT_EQ(service.exit_status(limit), 0) << service.output();
    EXPECT_FALSE(idle.receive());
    PooledDatabase db = open();
    EXPECT_TRUE(no_connection_is_left(db));
  }
}

TEST_P(ServiceEnd, waits_for_a_request_that_runs) {
  Service service = start();
  const std::uint16_t port = service.port();
  PooledDatabase db = open();
  Connection lock = db.connection();
  lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  std::vector<std::future<HttpResponse>> running = get_at_once(1, port);
  EXPECT_TRUE(wait_for_blocked(db, 1));
  service.signal(SIGTERM);
  EXPECT_TRUE(eventually([&] {
    try {
      const HttpClient refused(port);
      return false;
    } catch (const std::system_error&) {
      return true;
    }
  })) << "it still accepts";
  lock.rollback();
  const HttpResponse response = running.front().get();
  EXPECT_EQ(response.result_int(), 200U);
  EXPECT_EQ(service.exit_status(limit), 0) << service.output();
  EXPECT_TRUE(no_connection_is_left(db));
}

TEST_P(ServiceEnd, does_not_wait_for_ever_for_a_request_that_runs) {
  Service service = start({"--timeout", "60"});
  PooledDatabase db = open();
  Connection lock = db.connection();
  lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  HttpClient running(service.port());
  running.send("GET /users/1 HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(wait_for_blocked(db, 1));
  service.signal(SIGTERM);
  EXPECT_EQ(service.exit_status(limit), 0) << service.output();
  const std::optional<HttpResponse> response = running.receive();
  EXPECT_TRUE(!response || response->result_int() == 503);
  lock.rollback();
  EXPECT_TRUE(no_connection_is_left(db));
}

TEST_P(ServiceEnd, comes_at_once_by_a_second_signal) {
  Service service = start({"--timeout", "60"});
  PooledDatabase db = open();
  Connection lock = db.connection();
  lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  HttpClient running(service.port());
  running.send("GET /users/1 HTTP/1.1\r\nHost: test\r\n\r\n");
  EXPECT_TRUE(wait_for_blocked(db, 1));
  service.signal(SIGINT);
  EXPECT_TRUE(eventually([&] {
    service.signal(SIGINT);
    return service.exit_status(1ms).has_value();
  }));
  EXPECT_EQ(service.exit_status(), 128 + SIGINT);
}

INSTANTIATE_TEST_SUITE_P(beast, ServiceEnd, ::testing::Values(COPG_HTTP_BEAST));
INSTANTIATE_TEST_SUITE_P(httplib, ServiceEnd, ::testing::Values(COPG_HTTP_HTTPLIB));

}  // namespace
}  // namespace copg::test
