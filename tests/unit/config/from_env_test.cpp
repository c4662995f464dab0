// Config from the environment and a .env file: who beats whom.
#include <copg/config.hpp>
#include <copg/error.hpp>

#include "environment.hpp"
#include "support/refusal.hpp"

namespace copg {
namespace {

using test::contains;
using test::message_of;

class FromEnv : public ::testing::Test {
 protected:
  test::CleanEnvironment environment_;
  test::TemporaryFolder folder_;
};

TEST_F(FromEnv, nothing_set_gives_the_defaults) { EXPECT_EQ(Config::from_env({}, false), Config{}); }

TEST_F(FromEnv, our_variables_beat_libpqs) {
  environment_.set("PGHOST", "pg");
  environment_.set("PGUSER", "pguser");
  environment_.set("PGPORT", "1");
  environment_.set("DB_HOST", "db");
  environment_.set("DB_PORT", "2");
  environment_.set("DB_NAME", "name");
  environment_.set("DB_PASSWORD", "pw");
  environment_.set("DB_SSLMODE", "disable");
  const Config config = Config::from_env({}, false);
  EXPECT_EQ(config, (Config{.host = "db",
                            .port = 2,
                            .database = "name",
                            .user = "pguser",
                            .password = "pw",
                            .sslmode = "disable"}));
}

TEST_F(FromEnv, an_empty_variable_counts_as_unset) {
  environment_.set("DATABASE_URL", "");
  environment_.set("DB_HOST", "");
  environment_.set("PGHOST", "pg");
  environment_.set("DB_PORT", "");
  EXPECT_EQ(Config::from_env({}, false).host, "pg");
  EXPECT_EQ(Config::from_env({}, false).port, 5432);
}

TEST_F(FromEnv, a_database_url_beats_everything) {
  environment_.set("DATABASE_URL", "postgresql://u@h/d");
  environment_.set("DB_HOST", "db");
  environment_.set("DB_NAME", "name");
  const Config config = Config::from_env({}, false);
  EXPECT_EQ(config.host, "h");
  EXPECT_EQ(config.database, "d");
}

TEST_F(FromEnv, a_file_that_is_named_beats_the_environment) {
  environment_.set("DB_HOST", "environment");
  environment_.set("DB_USER", "environment");
  const auto file = folder_.write("my.env", "DB_HOST=file\n");
  const Config config = Config::from_env(file);
  EXPECT_EQ(config.host, "file");
  EXPECT_EQ(config.user, "environment");
  EXPECT_THROW(static_cast<void>(Config::from_env(folder_.path() / "none")), ConfigurationError);
}

TEST_F(FromEnv, a_file_that_is_found_is_beaten_by_the_environment) {
  environment_.set("DB_HOST", "environment");
  folder_.write(".env", "DB_HOST=file\nDB_USER=file\n");
  std::filesystem::create_directory("below");
  std::filesystem::current_path("below");
  EXPECT_EQ(Config::from_env().host, "environment");
  EXPECT_EQ(Config::from_env().user, "file");
  EXPECT_EQ(Config::from_env({}, false).user, "postgres");
}

TEST_F(FromEnv, libpqs_variables_in_the_file_reach_libpq) {
  const auto file = folder_.write("my.env", "PGAPPNAME=orders\nPGOPTIONS='-c geqo=off'\nPGHOST=h\n");
  const Config config = Config::from_env(file);
  EXPECT_EQ(config.options,
            (std::map<std::string, std::string>{{"application_name", "orders"}, {"options", "-c geqo=off"}}));
  EXPECT_EQ(config.host, "h");
  EXPECT_EQ(std::getenv("PGAPPNAME"), nullptr) << "the environment is never changed";
}

TEST_F(FromEnv, with_a_service_the_defaults_are_the_services) {
  environment_.set("PGSERVICE", "main");
  environment_.set("DB_NAME", "shop");
  const Config config = Config::from_env({}, false);
  EXPECT_EQ(config.host, "");
  EXPECT_EQ(config.port, 0);
  EXPECT_EQ(config.database, "shop");
}

TEST_F(FromEnv, a_bad_port_is_named_by_its_variable) {
  environment_.set("DB_PORT", "five");
  const std::string message =
      message_of<ConfigurationError>([] { static_cast<void>(Config::from_env({}, false)); });
  EXPECT_TRUE(contains(message, "DB_PORT = 'five'")) << message;
}

}  // namespace
}  // namespace copg
