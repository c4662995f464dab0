// What a monitor answers, and to whom.
#include <boost/json/src.hpp>

#include "monitor/monitor_test.hpp"

namespace copg::test {
namespace {

class MonitorAnswers : public MonitorTest {
 protected:
  static constexpr std::string_view token = "0123456789abcdef";
  Monitor monitor{{.address = "127.0.0.1"}};
};

TEST_F(MonitorAnswers, a_page_with_a_policy_that_lets_nothing_else_in) {
  const HttpAnswer page = HttpClient(monitor.port()).get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  const std::string policy = page.header("Content-Security-Policy");
  EXPECT_TRUE(policy.starts_with("default-src 'none'; script-src 'nonce-")) << policy;
  const std::string nonce = policy.substr(policy.find("nonce-") + 6, 32);
  EXPECT_NE(page.body.find("<script nonce=\"" + nonce + "\">"), std::string::npos);
  EXPECT_EQ(page.body.find("@NONCE@"), std::string::npos);
  EXPECT_EQ(page.body.find("@CSS@"), std::string::npos);
  EXPECT_EQ(page.body.find("http://"), std::string::npos) << "nothing comes from elsewhere";
  EXPECT_EQ(page.body.find("https://"), std::string::npos);
  EXPECT_EQ(page.header("Access-Control-Allow-Origin"), "");
  EXPECT_NE(HttpClient(monitor.port()).get("/").header("Content-Security-Policy"), policy);
}

TEST_F(MonitorAnswers, several_requests_on_one_connection) {
  HttpClient client(monitor.port());
  EXPECT_EQ(client.get("/stats.json").status, 200);
  EXPECT_EQ(client.get("/nothing").status, 404);
  EXPECT_EQ(client.get("/health").body, "ok\n");
}

TEST_F(MonitorAnswers, head_without_a_body) {
  HttpClient client(monitor.port());
  const HttpAnswer answer = client.get("/stats.json", "Host: localhost\r\n", "HEAD");
  EXPECT_EQ(answer.status, 200);
  EXPECT_GT(std::stoul(answer.header("Content-Length")), 50U);
  EXPECT_EQ(client.get("/health").body, "ok\n") << "nothing stands between";
}

TEST_F(MonitorAnswers, no_other_method) {
  const HttpAnswer answer = HttpClient(monitor.port()).get("/health", "Host: localhost\r\n", "DELETE");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(answer.header("Allow"), "GET, HEAD");
}

TEST_F(MonitorAnswers, what_prometheus_reads) {
  PooledDatabase db = open({.min_size = 1, .name = "orders"});
  monitor.add(db);
  const HttpAnswer answer = HttpClient(monitor.port()).get("/metrics");
  EXPECT_EQ(answer.header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_NE(answer.body.find("copg_connections_max{pool=\"orders\"} 10\n"), std::string::npos) << answer.body;
}

TEST_F(MonitorAnswers, only_those_who_ask_for_this_machine) {
  for (const char* host : {"localhost", "localhost:80", "127.0.0.1:1", "127.0.0.7", "[::1]", "[::1]:8080"})
    EXPECT_EQ(HttpClient(monitor.port()).get("/health", "Host: " + std::string(host) + "\r\n").status, 200)
        << host;
  for (const char* host :
       {"evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "10.0.0.1", ""})
    EXPECT_EQ(HttpClient(monitor.port()).get("/health", "Host: " + std::string(host) + "\r\n").status, 421)
        << host;
  EXPECT_EQ(HttpClient(monitor.port()).get("/health", "").status, 421);
}

TEST_F(MonitorAnswers, who_has_the_token) {
  const Monitor guarded({.token = std::string(token)});
  const auto ask = [&](const std::string& target, const std::string& header = {}) {
    return HttpClient(guarded.port()).get(target, "Host: localhost\r\n" + header).status;
  };
  const std::string right(token);
  EXPECT_EQ(ask("/stats.json"), 401);
  EXPECT_EQ(ask("/"), 401);
  EXPECT_EQ(ask("/events"), 401);
  EXPECT_EQ(ask("/nothing"), 401);
  EXPECT_EQ(ask("/stats.json", "Authorization: Bearer " + right + "\r\n"), 200);
  EXPECT_EQ(ask("/stats.json?token=" + right), 200);
  EXPECT_EQ(ask("/stats.json?a=b&token=" + right), 200);
  for (const std::string& wrong :
       {right.substr(1), right + "0", "1" + right.substr(1), std::string(), right + '\t'}) {
    EXPECT_EQ(ask("/stats.json", "Authorization: Bearer " + wrong + "\r\n"),
              wrong == right + '\t' ? 200 : 401);
    EXPECT_EQ(ask("/metrics?xtoken=" + right), 401);
  }
  EXPECT_EQ(HttpClient(guarded.socket_path()).get("/stats.json").status, 200)
      << "the file's mode guards that";
}

TEST_F(MonitorAnswers, the_token_once_in_the_url_then_in_a_cookie) {
  const Monitor guarded({.token = std::string(token)});
  const HttpAnswer first = HttpClient(guarded.port()).get("/?token=" + std::string(token));
  EXPECT_EQ(first.status, 303);
  EXPECT_EQ(first.header("Location"), "./");
  const std::string cookie = first.header("Set-Cookie");
  EXPECT_NE(cookie.find("; HttpOnly; SameSite=Strict"), std::string::npos) << cookie;
  const std::string sent =
      "Host: localhost\r\nCookie: other=1; " + cookie.substr(0, cookie.find(';')) + "\r\n";
  EXPECT_EQ(HttpClient(guarded.port()).get("/", sent).status, 200);
  EXPECT_EQ(HttpClient(guarded.port()).get("/stats.json", sent).status, 200);
}

TEST_F(MonitorAnswers, a_probe_without_the_token_hears_whether_and_not_why) {
  Monitor guarded({.token = std::string(token)});
  PooledDatabase db = open({.name = "orders"});
  guarded.add(db);
  EXPECT_EQ(HttpClient(guarded.port()).get("/health").status, 200);
  db.suspend();
  const HttpAnswer answer = HttpClient(guarded.port()).get("/health");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "not healthy\n");
  EXPECT_EQ(HttpClient(guarded.port()).get("/health?token=" + std::string(token)).body,
            "orders: the pool is suspended: it hands out no connections\n");
}

TEST_F(MonitorAnswers, nonsense_with_a_refusal) {
  const auto status_of = [&](const std::string& request) {
    HttpClient client(monitor.port());
    client.send(request);
    const int status = client.answer().status;
    EXPECT_TRUE(client.ends());
    return status;
  };
  EXPECT_EQ(status_of("HALLO\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
            431);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello"), 413);
}

TEST_F(MonitorAnswers, options_that_cannot_be) {
  const auto message = [](MonitorOptions options) {
    return error_of<ConfigurationError>([&] { const Monitor refused(options); }).message;
  };
  EXPECT_NE(message({.address = "0.0.0.0"}).find("give the monitor a token"), std::string::npos);
  EXPECT_NE(message({.address = "localhost"}).find("numeric address"), std::string::npos);
  EXPECT_NE(message({.token = "short"}).find("at least 16 characters"), std::string::npos);
  EXPECT_NE(message({.token = "0123456789 abcdef"}).find("at least 16 characters"), std::string::npos);
  EXPECT_NE(message({.port = {}, .unix_socket = false}).find("needs a port"), std::string::npos);
  EXPECT_NE(message({.unhealthy_wait = Seconds(-1)}).find("at least 0"), std::string::npos);
  EXPECT_NE(message({.port = monitor.port()}).find("Address already in use"), std::string::npos);
  EXPECT_NE(message({.address = "192.0.2.1", .token = std::string(token)}).find("can't listen on port"),
            std::string::npos);
  const Monitor open_to_all({.address = "0.0.0.0", .token = std::string(token)});
  EXPECT_EQ(HttpClient(open_to_all.port()).get("/health", "Host: db.example\r\n").status, 200);
}

}  // namespace
}  // namespace copg::test
