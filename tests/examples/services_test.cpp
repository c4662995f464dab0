// The example services: what they answer, on good days and bad ones.
#include <algorithm>

#include "examples/service_test.hpp"

namespace copg::test {
namespace {

namespace http = boost::beast::http;

constexpr unsigned ok = 200;
constexpr unsigned unavailable = 503;

struct Services : ServiceTest {};

TEST_P(Services, tell_how_to_use_them) {
  Service help(GetParam(), url(), {"--help"});
  EXPECT_EQ(help.exit_status(), 0);
  EXPECT_NE(help.output().find("Exit codes:"), std::string::npos) << help.output();
  Service wrong(GetParam(), url(), {"--no-such-option"});
  EXPECT_EQ(wrong.exit_status(), 2);
  Service no_port(GetParam(), url(), {"--port", "65536"});
  EXPECT_EQ(no_port.exit_status(), 2);
}

TEST_P(Services, say_why_they_do_not_start) {
  Service nowhere(GetParam(), server().url("no_such_database"), {"--port", "0", "--timeout", "1"});
  EXPECT_EQ(nowhere.exit_status(), 1);
  EXPECT_NE(nowhere.output().find("no_such_database"), std::string::npos) << nowhere.output();
  Service first = start();
  Service second(GetParam(), url(), {"--port", std::to_string(first.port())});
  EXPECT_EQ(second.exit_status(), 1) << "two on one port: " << second.output();
}

TEST_P(Services, list_all_users) {
  Service service = start();
  const HttpResponse response = get(service.port(), "/users?page=1");
  EXPECT_EQ(response.result_int(), ok);
  EXPECT_EQ(response[http::field::content_type], "application/json");
  const std::string& body = response.body();
  EXPECT_TRUE(body.starts_with(R"([{"id":1,"name":"Alice",)") && body.ends_with("}]")) << body;
  EXPECT_NE(body.find(R"("Čapek \"R.U.R.\"")"), std::string::npos) << body;
}

TEST_P(Services, give_one_user) {
  Service service = start();
  const HttpResponse response = get(service.port(), "/users/2");
  EXPECT_EQ(response.result_int(), ok);
  EXPECT_EQ(response[http::field::content_type], "application/json");
  EXPECT_EQ(response.body(), one_user);
}

TEST_P(Services, refuse_what_is_not_there_in_json) {
  Service service = start();
  HttpClient client(service.port());
  const auto status = [&](const std::string& target) {
    const HttpResponse response = client.get(target);
    EXPECT_EQ(response[http::field::content_type], "application/json") << target;
    EXPECT_TRUE(response.body().starts_with(R"({"error":")")) << response.body();
    return response.result_int();
  };
  EXPECT_EQ(status("/users/4"), 404U);
  EXPECT_EQ(status("/users/-1"), 404U);
  for (const char* id : {"abc", "1x", "1.5", "+1", "9223372036854775808", "%00", "'", "1;"}) {
    EXPECT_EQ(status(std::string("/users/") + id), 400U) << id;
  }
  EXPECT_EQ(status("/users/" + std::string(4000, 'a')), 400U);
  for (const char* path : {"/", "/users/", "/users/1/2", "/usersx", "/user"})
    EXPECT_EQ(status(path), 404U) << path;
}

TEST_P(Services, answer_several_requests_on_one_connection) {
  Service service = start();
  HttpClient client(service.port());
  EXPECT_EQ(client.get("/users/2").body(), one_user);
  EXPECT_EQ(client.get("/users/2").body(), one_user);
  client.send("HEAD /users/2 HTTP/1.1\r\nHost: test\r\n\r\n");
  const std::optional<HttpResponse> head = client.receive(true);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->result_int(), ok);
  EXPECT_EQ((*head)[http::field::content_length], std::to_string(std::string_view(one_user).size()));
  client.send("POST /users HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\na=b");
  const std::optional<HttpResponse> post = client.receive();
  ASSERT_TRUE(post);
  EXPECT_EQ(post->result_int(), 405U);
  EXPECT_EQ((*post)[http::field::allow], "GET, HEAD");
  client.send("GET /users/2 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
  const std::optional<HttpResponse> last = client.receive();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->body(), one_user);
  EXPECT_FALSE(client.receive()) << "it does not close";
}

TEST_P(Services, survive_bad_requests) {
  Service service = start();
  const auto status = [&](const std::string& bytes) {
    HttpClient client(service.port());
    client.send(bytes);
    const std::optional<HttpResponse> response = client.receive();
    return response ? response->result_int() : 0;
  };
  const std::string host = "Host: test\r\n";
  EXPECT_EQ(status("garbage\r\n\r\n"), 400U);
  EXPECT_EQ(
      status("POST /users HTTP/1.1\r\n" + host + "Content-Length: 17000\r\n\r\n" + std::string(17000, 'x')),
      413U);
  const unsigned long_target = status("GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n");
  EXPECT_TRUE(long_target == 414 || long_target == 431) << long_target;
  { HttpClient(service.port()).send("GET /users/1 HT"); }
  { const HttpClient silent(service.port()); }
  EXPECT_EQ(get(service.port(), "/users/2").body(), one_user);
}

TEST_P(Services, give_every_client_its_own_answer) {
  constexpr int clients = 8;
  constexpr int requests = 50;
  open().execute("INSERT INTO users (name) SELECT 'user ' || n FROM generate_series(4, $1::int) n",
                 clients + 3);
  Service service = start({"--pool-size", "3", "--threads", std::to_string(clients)});
  std::vector<std::future<int>> right;
  for (int i = 0; i < clients; ++i) {
    right.push_back(std::async(std::launch::async, [port = service.port(), id = std::to_string(i + 4)] {
      HttpClient client(port);
      int count = 0;
      for (int n = 0; n < requests; ++n) {
        count += client.get("/users/" + id).body() ==
                 R"({"id":)" + id + R"(,"name":"user )" + id + R"(","email":null})";
      }
      return count;
    }));
  }
  for (auto& count : right) EXPECT_EQ(count.get(), requests);
  open().execute("DELETE FROM users WHERE id >= 4");
}

TEST_P(Services, say_try_again_while_the_pool_is_dry) {
  Service service = start({"--pool-size", "2", "--timeout", "0.5"});
  const std::uint16_t port = service.port();
  PooledDatabase db = open();
  Connection lock = db.connection();
  lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  for (auto& answer : get_at_once(6, port)) {
    const HttpResponse response = answer.get();
    EXPECT_EQ(response.result_int(), unavailable);
    EXPECT_EQ(response[http::field::retry_after], "1");
  }
  lock.rollback();
  EXPECT_TRUE(eventually([&] { return get(port, "/users/2").body() == one_user; }));
}

TEST_P(Services, turn_away_whom_the_queue_does_not_hold_and_serve_the_rest) {
  constexpr int queue = 10;  // per connection
  constexpr int too_many = 5;
  Service service = start({"--pool-size", "1", "--timeout", "20"});
  PooledDatabase db = open();
  Connection lock = db.connection();
  lock.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
  auto answers = get_at_once(1 + queue + too_many, service.port());
  const auto answered = [&] {
    return std::count_if(answers.begin(), answers.end(),
                         [](auto& answer) { return answer.wait_for(0s) == std::future_status::ready; });
  };
  EXPECT_TRUE(eventually([&] { return answered() == too_many; })) << answered();
  lock.rollback();
  int refused = 0;
  for (auto& answer : answers) {
    const HttpResponse response = answer.get();
    if (response.result_int() == ok) continue;
    EXPECT_EQ(response.result_int(), unavailable);
    EXPECT_EQ(response[http::field::retry_after], "1");
    ++refused;
  }
  EXPECT_EQ(refused, too_many);
}

TEST_P(Services, recover_when_the_server_does) {
  Service service = start({"--timeout", "0.5"});
  const std::uint16_t port = service.port();
  EXPECT_EQ(get(port, "/users/2").result_int(), ok);
  server().kill_hard();
  const HttpResponse response = get(port, "/users/2");
  EXPECT_EQ(response.result_int(), unavailable);
  EXPECT_EQ(response[http::field::retry_after], "1");
  server().start();
  EXPECT_TRUE(eventually([&] { return get(port, "/users/2").body() == one_user; }));
}

TEST_P(Services, hide_what_went_wrong_inside) {
  Service service = start();
  PooledDatabase db = open();
  db.execute("ALTER TABLE users RENAME TO people");
  const HttpResponse response = get(service.port(), "/users");
  db.execute("ALTER TABLE people RENAME TO users");
  EXPECT_EQ(response.result_int(), 500U);
  EXPECT_EQ(response.body(), R"({"error":"internal error"})");
  EXPECT_NE(service.output().find("relation \"users\" does not exist"), std::string::npos)
      << service.output();
}

INSTANTIATE_TEST_SUITE_P(beast, Services, ::testing::Values(COPG_HTTP_BEAST));
INSTANTIATE_TEST_SUITE_P(httplib, Services, ::testing::Values(COPG_HTTP_HTTPLIB));

}  // namespace
}  // namespace copg::test
