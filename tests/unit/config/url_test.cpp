// Config from and to a URL.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include "environment.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using namespace std::chrono_literals;
using test::contains;
using test::message_of;

class Url : public ::testing::Test {
 protected:
  test::CleanEnvironment environment_;
};

std::string objection(const std::string& url) {
  return message_of<ConfigurationError>([&] { static_cast<void>(Config::from_url(url)); });
}

TEST_F(Url, all_parts_are_read) {
  const Config config =
      Config::from_url("postgresql://ann:pw@db.example:6543/shop?sslmode=require&application_name=x");
  EXPECT_EQ(config.user, "ann");
  EXPECT_EQ(config.password, "pw");
  EXPECT_EQ(config.host, "db.example");
  EXPECT_EQ(config.port, 6543);
  EXPECT_EQ(config.database, "shop");
  EXPECT_EQ(config.sslmode, "require");
  EXPECT_EQ(config.options, (std::map<std::string, std::string>{{"application_name", "x"}}));
}

TEST_F(Url, what_is_left_out_has_the_defaults) {
  for (const char* url : {"postgresql://", "postgres:///", "postgresql+asyncpg://?", "postgresql://:/"}) {
    EXPECT_EQ(Config::from_url(url), Config{}) << url;
  }
}

TEST_F(Url, with_a_service_what_is_left_out_is_the_services) {
  const Config by_url = Config::from_url("postgresql:///shop?service=main");
  EXPECT_EQ(by_url.host, "");
  EXPECT_EQ(by_url.port, 0);
  EXPECT_EQ(by_url.user, "");
  EXPECT_EQ(by_url.database, "shop");
  environment_.set("PGSERVICE", "main");
  EXPECT_EQ(Config::from_url("postgresql://").host, "");
}

TEST_F(Url, everything_may_be_percent_encoded) {
  const Config config = Config::from_url("postgresql://a%40b:p%2Fw%3A%25@h/d%20b?application_name=a%26b%3D");
  EXPECT_EQ(config.user, "a@b");
  EXPECT_EQ(config.password, "p/w:%");
  EXPECT_EQ(config.database, "d b");
  EXPECT_EQ(config.options.at("application_name"), "a&b=");
}

TEST_F(Url, a_password_may_hold_colons_and_ats) {
  const Config config = Config::from_url("postgresql://u:a:b@c@h/d");
  EXPECT_EQ(config.password, "a:b@c");
  EXPECT_EQ(config.host, "h");
}

TEST_F(Url, several_hosts_keep_their_ports) {
  const Config same = Config::from_url("postgresql://a:5433,b:5433/d");
  EXPECT_EQ(same.host, "a,b");
  EXPECT_EQ(same.port, 5433);
  EXPECT_FALSE(same.options.contains("port"));
  const Config differing = Config::from_url("postgresql://a:5433,b/d");
  EXPECT_EQ(differing.port, 5433);
  EXPECT_EQ(differing.options.at("port"), "5433,");
}

TEST_F(Url, addresses_and_socket_folders_are_hosts) {
  EXPECT_EQ(Config::from_url("postgresql://[::1]:5433/d").host, "::1");
  EXPECT_EQ(Config::from_url("postgresql://[::1],[fe80::2]:1/d").host, "::1,fe80::2");
  EXPECT_EQ(Config::from_url("postgresql://%2Frun%2Fpostgresql/d").host, "/run/postgresql");
  EXPECT_EQ(Config::from_url("postgresql:///d?host=/run/postgresql&port=5433").host, "/run/postgresql");
  EXPECT_EQ(Config::from_url("postgresql:///d?host=/run/postgresql&port=5433").port, 5433);
}

TEST_F(Url, the_query_may_give_every_part) {
  const Config config =
      Config::from_url("postgresql://?user=u&password=p&dbname=d&host=a,b&port=1,2&ssl=true");
  EXPECT_EQ(config.user, "u");
  EXPECT_EQ(config.password, "p");
  EXPECT_EQ(config.database, "d");
  EXPECT_EQ(config.host, "a,b");
  EXPECT_EQ(config.options.at("port"), "1,2");
  EXPECT_EQ(config.sslmode, "require");
}

TEST_F(Url, a_statement_timeout_may_have_a_unit) {
  const auto timeout = [](const std::string& text) {
    return Config::from_url("postgresql://?statement_timeout=" + text).statement_timeout;
  };
  EXPECT_EQ(timeout("500"), 500ms);
  EXPECT_EQ(timeout("500ms"), 500ms);
  EXPECT_EQ(timeout("30s"), 30s);
  EXPECT_EQ(timeout("5%20min"), 5min);
  EXPECT_EQ(timeout("1h"), 1h);
  EXPECT_EQ(timeout("1us"), 1ms) << "it must not become none";
  for (const char* text :
       {"", "x", "-1", "1.5s", "30d", "5 parsecs", "99999999999999999999", "9223372036854775807h"}) {
    EXPECT_TRUE(
        contains(objection(std::string("postgresql://?statement_timeout=") + text), "statement_timeout"))
        << text;
  }
}

TEST_F(Url, what_can_not_be_understood_is_an_error) {
  for (const char* url : {"",
                          "localhost",
                          "mysql://h/d",
                          "postgresql:/h",
                          "postgresqlx://h",
                          "postgresql://h:x/d",
                          "postgresql://h:0/d",
                          "postgresql://h:65536/d",
                          "postgresql://[::1/d",
                          "postgresql://[::1]x/d",
                          "postgresql://[]/d",
                          "postgresql://h%4/d",
                          "postgresql://h%zz/d",
                          "postgresql://h/%00",
                          "postgresql://h/d?x",
                          "postgresql://h/d?sslmode=on",
                          "postgresql://h/d?Bad-Key=1",
                          "postgresql://h/d?=1",
                          "postgresql://h/d?ssl=1",
                          "postgresql://a,b:1x/d"}) {
    EXPECT_NE(objection(url), "") << url;
  }
}

TEST_F(Url, no_message_shows_a_piece_of_the_password) {
  for (const char* url :
       {"postgresql://u:s3cret%@h/d", "postgresql://u:s3cret/x@h/d", "postgresql://u:s3cret?x=y@h/d",
        "postgresql://u:s3cret@h:x/d", "mysql://u:s3cret@h/d", "s3cret", "postgresql://u:s3cret@h/d?x",
        "postgresql://u:s3cret/x@h:1/d", "postgresql://u:s3cret@h/d?sslmode=on"}) {
    EXPECT_FALSE(contains(objection(url), "cret")) << objection(url);
  }
}

TEST_F(Url, a_dsn_gives_the_same_configuration_again) {
  Config config;
  config.host = "a,::1,/run/x y";
  config.port = 6543;
  config.database = "d/b?&=";
  config.user = "a@b:c";
  config.password = "p%/?#[]@:&= ";
  config.sslmode = "verify-full";
  config.statement_timeout = 1500ms;
  config.options = {{"application_name", "a&b=c d"}, {"search_path", "x, \"y\""}, {"options", "-c geqo=off"}};
  EXPECT_EQ(Config::from_url(config.dsn()), config) << config.dsn();
  EXPECT_EQ(Config::from_url(Config{}.dsn()), Config{});
  const Config nothing{.host = "", .port = 0, .database = "", .user = ""};
  EXPECT_EQ(Config::from_url(nothing.dsn()), nothing) << nothing.dsn();
  const Config unnamed = Config::from_url("postgresql:///d?host=,,&port=1,2,3");
  EXPECT_EQ(unnamed.host, ",,");
  EXPECT_EQ(Config::from_url(unnamed.dsn()), unnamed) << unnamed.dsn();
  const Config ports = Config::from_url("postgresql://a:1,b:2/d");
  EXPECT_EQ(Config::from_url(ports.dsn()), ports) << ports.dsn();
}

TEST_F(Url, a_reader_never_crashes) {
  test::never_crashes<ConfigurationError>(
      {"postgresql://ann:p%40w@db:6543,[::1]:1/shop?sslmode=require&a=b",
       "postgres://%2Frun/d?host=/x&port=1,2&", "postgresql+x://@:/?statement_timeout=5min", "://", "%", "[",
       "@"},
      [](std::string_view url) {
        const Config config = Config::from_url(url);
        static_cast<void>(config.keywords());
        EXPECT_EQ(Config::from_url(config.dsn()).keywords(), config.keywords()) << url << "\n"
                                                                                << config.dsn();
      });
}

}  // namespace
}  // namespace copg
