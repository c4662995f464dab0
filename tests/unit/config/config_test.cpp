// Config: what it allows, and what libpq gets of it.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include <algorithm>
#include <sstream>

#include "environment.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using namespace std::chrono_literals;
using test::contains;
using test::message_of;

/// The value handed to libpq; "(absent)" if there is none.
std::string keyword(const Config& config, const std::string& name) {
  const auto all = config.keywords();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& pair) { return pair.first == name; });
  return found == all.end() ? "(absent)" : found->second;
}

class ConfigTest : public ::testing::Test {
 protected:
  test::CleanEnvironment environment_;
};

TEST_F(ConfigTest, the_defaults_are_the_documented_ones) {
  const Config config;
  EXPECT_EQ(keyword(config, "host"), "localhost");
  EXPECT_EQ(keyword(config, "port"), "5432");
  EXPECT_EQ(keyword(config, "dbname"), "postgres");
  EXPECT_EQ(keyword(config, "user"), "postgres");
  EXPECT_EQ(config.keywords().size(), 4U);
}

TEST_F(ConfigTest, what_is_empty_is_left_to_libpq) {
  Config config;
  config.host.clear();
  config.port = 0;
  config.database.clear();
  config.user.clear();
  EXPECT_TRUE(config.keywords().empty());
}

TEST_F(ConfigTest, values_are_handed_over_as_they_are) {
  Config config;
  config.password = R"(pa ss'wo\rd")";
  EXPECT_EQ(keyword(config, "password"), config.password);
}

TEST_F(ConfigTest, an_option_wins_over_the_field_of_the_same_name) {
  Config config;
  config.host = "a,b";
  config.options["port"] = "5432,5433";
  config.options["application_name"] = "orders";
  EXPECT_EQ(keyword(config, "port"), "5432,5433");
  EXPECT_EQ(keyword(config, "application_name"), "orders");
  const auto all = config.keywords();
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& pair) { return pair.first == "port"; }), 1);
}

TEST_F(ConfigTest, settings_are_escaped_for_the_server) {
  Config config;
  config.statement_timeout = 1500ms;
  config.options["search_path"] = "\"my schema\", pg_catalog";
  config.options["my.path"] = R"(C:\x)";
  EXPECT_EQ(keyword(config, "options"),
            R"(-c statement_timeout=1500 -c my.path=C:\\x -c search_path="my\ schema",\ pg_catalog)");
}

TEST_F(ConfigTest, settings_do_not_drop_the_users_own_options) {
  Config config;
  config.options["work_mem"] = "1MB";
  environment_.set("PGOPTIONS", "-c geqo=off");
  EXPECT_EQ(keyword(config, "options"), "-c geqo=off -c work_mem=1MB");
  config.options["options"] = "-c jit=off";
  EXPECT_EQ(keyword(config, "options"), "-c jit=off -c work_mem=1MB");
  config.options.clear();
  EXPECT_EQ(keyword(config, "options"), "(absent)");
}

TEST_F(ConfigTest, what_is_wrong_is_named_with_value_and_rule) {
  const auto objection = [](auto change) {
    Config config;
    change(config);
    return message_of<ConfigurationError>([&] { config.validate(); });
  };
  EXPECT_TRUE(contains(objection([](Config& c) { c.port = 65536; }), "port = '65536'"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.port = -1; }), "port = '-1'"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.sslmode = "yes"; }), "sslmode = 'yes'"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.options["Bad-Key"] = "1"; }), "Bad-Key"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.options["x y"] = "1"; }), "x y"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.options[""] = "1"; }), "options"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.options["port"] = "1,x"; }), "port = 'x'"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.options["sslmode"] = "on"; }), "sslmode = 'on'"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.statement_timeout = -1ms; }), "statement_timeout"));
  EXPECT_TRUE(contains(objection([](Config& c) { c.statement_timeout = 1h * 1000; }), "statement_timeout"));
  const std::string nul = objection([](Config& c) { c.password = std::string("se\0cret", 7); });
  EXPECT_TRUE(contains(nul, "password"));
  EXPECT_FALSE(contains(nul, "cret"));
}

TEST_F(ConfigTest, its_text_never_shows_a_password) {
  Config config;
  config.password = "s3cret";
  config.options["sslpassword"] = "s3cret";
  config.options["password"] = "s3cret";
  config.options["oauth_client_secret"] = "s3cret";
  std::ostringstream out;
  out << config;
  EXPECT_FALSE(contains(out.str(), "s3cret")) << out.str();
  EXPECT_TRUE(contains(out.str(), "postgresql://postgres:***@localhost:5432/postgres")) << out.str();
  EXPECT_TRUE(contains(config.dsn(), "s3cret"));
}

}  // namespace
}  // namespace copg
