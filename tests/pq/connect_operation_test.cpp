// Connecting to real servers, and failing to.
#include "pq/connect_operation.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>

#include "session.hpp"

namespace copg::test {
namespace {

struct Failure {
  pq::ConnectFailureKind kind;
  ErrorInfo error;
};

Failure fail_to_connect(Keywords keywords) {
  pq::ConnectOperation operation({.keywords = std::move(keywords)});
  run(operation, 30s);
  if (operation.error() == nullptr) throw std::runtime_error("connected");
  return {operation.failure(), *operation.take_error()};
}

Keywords with(Keywords keywords, const std::string& keyword, const std::string& value) {
  keywords.emplace_back(keyword, value);
  return keywords;
}

/// A TCP port on which nobody ever answers: the kernel accepts, nothing is said.
class SilentPort {
 public:
  SilentPort() : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, generic, size) != 0 || listen(fd_, 8) != 0 || getsockname(fd_, generic, &size) != 0) {
      throw std::runtime_error("no port");
    }
    port_ = ntohs(address.sin_port);
  }
  SilentPort(const SilentPort&) = delete;
  SilentPort& operator=(const SilentPort&) = delete;
  ~SilentPort() { close(fd_); }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }

 private:
  int fd_;
  int port_ = 0;
};

testing::ThrowawayPostgres& server_with_password() {
  static testing::ThrowawayPostgres postgres(
      {.settings = {{"max_connections", "6"}}, .password = "right", .tls = true});
  return postgres;
}
Keywords tcp_keywords(const std::string& password) {
  return {{"host", "127.0.0.1"},
          {"port", std::to_string(server_with_password().port())},
          {"user", "postgres"},
          {"dbname", "postgres"},
          {"password", password}};
}

TEST(ConnectOperation, a_new_connection_is_clean_and_set_up_as_promised) {
  const auto connection = connect();
  EXPECT_TRUE(connection->alive());
  EXPECT_TRUE(connection->protocol_idle());
  EXPECT_TRUE(connection->clean());
  EXPECT_EQ(PQisnonblocking(connection->raw()), 1);
  EXPECT_EQ(connection->parameter_status("client_encoding"), "UTF8");
  EXPECT_TRUE(connection->parameter_status("DateStyle").starts_with("ISO"));
  EXPECT_EQ(connection->parameter_status("application_name"), "copg");
}

TEST(ConnectOperation, a_server_whose_dates_are_german_is_asked_for_iso_even_after_reset_all) {
  const auto admin = connect();
  ASSERT_FALSE(execute(*admin, "CREATE ROLE german LOGIN").error);
  ASSERT_FALSE(execute(*admin, "ALTER ROLE german SET datestyle = 'German'").error);
  const pq::ConnectSettings settings{.keywords = with(keywords_of(server()), "user", "german")};
  for (int i = 0; i < 2; ++i) {  // the second one knows
    const auto connection = connect(settings);
    EXPECT_TRUE(settings.memory->date_style_needed);
    ASSERT_FALSE(execute(*connection, "RESET ALL").error);
    EXPECT_EQ(execute(*connection, "SELECT date '2024-02-01'").text(), "2024-02-01");
  }
}

TEST(ConnectOperation, a_date_style_that_the_user_chose_stays) {
  const auto connection =
      connect({.keywords = with(keywords_of(server()), "options", "-c DateStyle=SQL,DMY")});
  EXPECT_EQ(execute(*connection, "SELECT date '2024-02-01'").text(), "01/02/2024");
}

TEST(ConnectOperation, a_wrong_password_is_configuration_with_the_servers_words) {
  const Failure failure = fail_to_connect(tcp_keywords("wrong"));
  EXPECT_EQ(failure.kind, pq::ConnectFailureKind::configuration);
  EXPECT_EQ(failure.error.kind, ErrorKind::configuration);
  EXPECT_EQ(failure.error.sqlstate.text(), "28P01");
  EXPECT_NE(failure.error.message.find("password authentication failed for user \"postgres\""),
            std::string::npos);
  EXPECT_EQ(failure.error.message.find("28P01"), std::string::npos) << failure.error.message;
  EXPECT_EQ(failure.error.message.find("LOCATION"), std::string::npos) << failure.error.message;
  EXPECT_EQ(failure.error.message.find("wrong"), std::string::npos) << "the password is in the message";
}

TEST(ConnectOperation, an_unknown_database_role_option_or_keyword_is_configuration) {
  const Keywords good = keywords_of(server());
  const Failure database = fail_to_connect(with(good, "dbname", "nowhere"));
  EXPECT_EQ(database.kind, pq::ConnectFailureKind::configuration);
  EXPECT_EQ(database.error.sqlstate.text(), "3D000");
  EXPECT_EQ(fail_to_connect(with(good, "user", "nobody_at_all")).error.sqlstate.text(), "28000");
  EXPECT_EQ(fail_to_connect(with(good, "options", "-c no_such_option=1")).kind,
            pq::ConnectFailureKind::configuration);
  EXPECT_EQ(fail_to_connect(with(good, "hots", "x")).kind, pq::ConnectFailureKind::configuration);
  EXPECT_EQ(fail_to_connect(with(good, "sslmode", "maybe")).kind, pq::ConnectFailureKind::configuration);
  EXPECT_EQ(fail_to_connect(with(good, "port", "1,2,3")).kind, pq::ConnectFailureKind::configuration);
}

TEST(ConnectOperation, encryption_by_gssapi_is_refused_if_it_is_demanded_and_never_tried) {
  const Failure failure = fail_to_connect(with(keywords_of(server()), "gssencmode", "require"));
  EXPECT_EQ(failure.kind, pq::ConnectFailureKind::configuration);
  EXPECT_NE(failure.error.message.find("sslmode"), std::string::npos) << failure.error.message;

  const auto connection = connect({.keywords = with(keywords_of(server()), "gssencmode", "prefer")});
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(connection->raw()),
                                                                             &PQconninfoFree);
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->keyword == std::string_view("gssencmode")) {
      EXPECT_STREQ(option->val, "disable");
    }
  }
}

TEST(ConnectOperation, tls_that_is_refused_or_not_trusted_is_configuration) {
  const Keywords plain = {{"host", "127.0.0.1"},
                          {"port", std::to_string(server().port())},
                          {"user", "postgres"},
                          {"sslmode", "require"}};
  EXPECT_EQ(fail_to_connect(plain).kind, pq::ConnectFailureKind::configuration);
  const Keywords strict = with(tcp_keywords("right"), "sslmode", "verify-full");
  EXPECT_EQ(fail_to_connect(with(strict, "sslrootcert", "/nonexistent")).kind,
            pq::ConnectFailureKind::configuration);
  const auto connection = connect({.keywords = with(tcp_keywords("right"), "sslmode", "require")});
  EXPECT_EQ(PQsslInUse(connection->raw()), 1);
  EXPECT_TRUE(connection->looks_alive());
}

TEST(ConnectOperation, nobody_listening_on_this_machine_is_refused_near) {
  const Failure folder = fail_to_connect({{"host", "/nonexistent"}, {"port", "1"}});
  EXPECT_EQ(folder.kind, pq::ConnectFailureKind::refused_near);
  EXPECT_EQ(folder.error.kind, ErrorKind::connection_failed);
  EXPECT_EQ(fail_to_connect({{"host", "127.0.0.1"}, {"port", "1"}}).kind,
            pq::ConnectFailureKind::refused_near);
}

TEST(ConnectOperation, a_full_server_is_overloaded) {
  std::vector<std::unique_ptr<pq::Connection>> taken;
  const Keywords socket = keywords_of(server_with_password());
  std::optional<Failure> refused;
  while (!refused && taken.size() < 10) {
    pq::ConnectOperation operation({.keywords = socket});
    run(operation);
    if (operation.error() == nullptr) {
      taken.push_back(operation.take_connection());
    } else {
      refused = Failure{operation.failure(), *operation.take_error()};
    }
  }
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, pq::ConnectFailureKind::overloaded) << refused->error.message;
  EXPECT_EQ(refused->error.sqlstate.text(), "53300");
}

TEST(ConnectOperation, a_host_that_refuses_is_passed_over_and_the_descriptor_changes_on_the_way) {
  const std::string port = std::to_string(server().port());
  pq::ConnectOperation operation(
      {.keywords = {{"host", "127.0.0.1,localhost"}, {"port", "1," + port}, {"user", "postgres"}}});
  run(operation);
  ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
  EXPECT_EQ(execute(*operation.take_connection(), "SELECT 1").text(), "1");
}

TEST(ConnectOperation, a_silent_host_is_given_up_for_the_next_when_the_driver_says_so) {
  const SilentPort silent;
  const std::string port = std::to_string(server().port());
  pq::ConnectOperation operation({.keywords = {{"host", "127.0.0.1,127.0.0.1"},
                                               {"port", silent.port() + "," + port},
                                               {"user", "postgres"},
                                               {"sslmode", "disable"}}});
  ASSERT_FALSE(run_until(operation, SteadyClock::now() + 100ms));
  ASSERT_TRUE(operation.try_next_host());
  run(operation);
  ASSERT_EQ(operation.error(), nullptr) << operation.error()->message;
  EXPECT_EQ(PQport(operation.take_connection()->raw()), port);
}

TEST(ConnectOperation, there_is_no_host_after_the_last) {
  const SilentPort silent;
  pq::ConnectOperation operation({.keywords = {{"host", "127.0.0.1"}, {"port", silent.port()}}});
  ASSERT_FALSE(run_until(operation, SteadyClock::now() + 50ms));
  EXPECT_FALSE(operation.try_next_host());
  EXPECT_FALSE(run_until(operation, SteadyClock::now() + 50ms)) << "it went on nonetheless";
}

TEST(ConnectOperation, a_host_name_out_of_a_service_file_is_resolved_too) {
  const auto path = server().socket_folder() / "service.conf";
  std::ofstream(path) << "[here]\nhost=localhost\nport=" << server().port()
                      << "\nuser=postgres\ndbname=postgres\n";
  ASSERT_EQ(setenv("PGSERVICEFILE", path.c_str(), 1), 0);
  const auto connection = connect({.keywords = {{"service", "here"}}});
  unsetenv("PGSERVICEFILE");
  EXPECT_STREQ(PQhost(connection->raw()), "localhost");
}

}  // namespace
}  // namespace copg::test
