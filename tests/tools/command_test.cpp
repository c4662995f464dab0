// The copg program as a script sees it: what it prints, and its exit codes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "support/eventually.hpp"
#include "testing/child_process.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::tools {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

struct Outcome {
  int status = 0;
  std::string output;
};

/// A file for a program's output, gone at the end of the test.
class OutputFile {
 public:
  OutputFile() : path_((fs::temp_directory_path() / "copg-command-XXXXXX").string()) {
    ::close(::mkstemp(path_.data()));
  }
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile() { fs::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_;
};

testing::ChildProcess copg(std::vector<std::string> arguments, const OutputFile& output,
                           const std::string& url) {
  arguments.insert(arguments.begin(), COPG_COMMAND);
  testing::ChildProcess child{.arguments = std::move(arguments),
                              .dropped_environment = {"DATABASE_URL", "DB_", "PG"}};
  child.output = output.path();
  if (!url.empty()) child.environment.emplace_back("DATABASE_URL", url);
  return child;
}

Outcome run_copg(std::vector<std::string> arguments, const std::string& url = "") {
  const OutputFile output;
  const int status = testing::wait_for_exit(testing::spawn(copg(std::move(arguments), output, url)));
  return {status, output.text()};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Command, every_help_names_the_exit_codes) {
  for (const char* command : {"with-postgres", "ping", "exec", "tune"}) {
    const Outcome help = run_copg({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_TRUE(contains(help.output, "Exit codes:")) << help.output;
  }
  EXPECT_TRUE(contains(run_copg({"--version"}).output, "copg 0."));
}

TEST(Command, wrong_usage_exits_with_2) {
  EXPECT_EQ(run_copg({}).status, 2);
  EXPECT_EQ(run_copg({"no-such-command"}).status, 2);
  EXPECT_EQ(run_copg({"with-postgres"}).status, 2);
  EXPECT_EQ(run_copg({"with-postgres", "--option", "no-equals-sign", "--", "true"}).status, 2);
  EXPECT_EQ(run_copg({"exec"}).status, 2);
  EXPECT_EQ(run_copg({"exec", "--csv", "--json", "SELECT 1"}).status, 2);
  EXPECT_EQ(run_copg({"exec", "--no-such-option", "SELECT 1"}).status, 2);
  EXPECT_EQ(run_copg({"exec", "SELECT $1", "-5"}).status, 2);
  EXPECT_EQ(run_copg({"exec", "--url", "not a url", "SELECT 1"}).status, 2);
}

TEST(WithPostgres, exits_with_the_status_of_its_command) {
  EXPECT_EQ(run_copg({"with-postgres", "--", "sh", "-c", "exit 7"}).status, 7);
  EXPECT_EQ(run_copg({"with-postgres", "--", "sh", "-c", "kill -KILL $$"}).status, 128 + SIGKILL);
  EXPECT_EQ(run_copg({"with-postgres", "--", "no-such-program"}).status, 127);
  EXPECT_EQ(run_copg({"with-postgres", "--", "/"}).status, 126);
}

TEST(WithPostgres, the_command_finds_the_server_by_every_name_and_the_folder_is_gone_afterwards) {
  const Outcome outcome =
      run_copg({"with-postgres", "--option", "max_connections=7", "--", "sh", "-c",
                R"("$0" exec --csv 'SHOW max_connections'; echo "$DATABASE_URL|$PGHOST")", COPG_COMMAND});
  ASSERT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, "max_connections\r\n7\r\n")) << outcome.output;
  std::string folder = outcome.output.substr(outcome.output.rfind('|') + 1);
  folder.pop_back();
  EXPECT_TRUE(folder.starts_with("/")) << folder;
  EXPECT_FALSE(fs::exists(folder));
}

TEST(WithPostgres, on_the_port_a_password_is_needed_and_tls_is_verified) {
  const Outcome outcome = run_copg({"with-postgres", "--tls", "--", COPG_COMMAND, "ping"});
  EXPECT_TRUE(contains(outcome.output, "TLSv1")) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, "primary")) << outcome.output;
  const Outcome without =
      run_copg({"with-postgres", "--tcp", "--", "sh", "-c",
                R"("$0" exec --url "postgresql://127.0.0.1:$PGPORT/postgres" 'SELECT 1')", COPG_COMMAND});
  EXPECT_NE(
      run_copg({"with-postgres", "--tcp", "--", "sh", "-c",
                R"(unset PGPASSWORD; "$0" exec --url "postgresql://127.0.0.1:$PGPORT/postgres" 'SELECT 1')",
                COPG_COMMAND})
          .status,
      0);
  EXPECT_EQ(without.status, 0) << without.output;
}

TEST(WithPostgres, a_signal_reaches_the_command_and_nothing_stays) {
  const OutputFile output;
  const pid_t pid =
      testing::spawn(copg({"with-postgres", "--", "sh", "-c", "echo $PGHOST; exec sleep 1000"}, output, ""));
  const bool started = copg::test::eventually([&] { return contains(output.text(), "\n"); }, 30s);
  const std::string folder = output.text().substr(0, output.text().find('\n'));
  ::kill(pid, SIGTERM);
  EXPECT_EQ(testing::wait_for_exit(pid), 128 + SIGTERM);
  EXPECT_TRUE(started) << output.text();
  EXPECT_FALSE(fs::exists(folder));
}

class Exec : public ::testing::Test {
 protected:
  Outcome exec(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "exec");
    return run_copg(std::move(arguments), server_.url());
  }
  std::string url(const std::string& database) const { return server_.url(database); }

 private:
  testing::ThrowawayPostgres server_;
};

TEST_F(Exec, a_table_is_aligned_and_counted) {
  EXPECT_EQ(exec({"SELECT $1::int AS n, $2 AS \"größe\"", "41", "a\nb"}).output,
            " n  größe\n--  -----\n41  a\\nb\n(1 row)\n");
  EXPECT_EQ(exec({"CREATE TABLE t (i int)"}).output, "CREATE TABLE\n");
}

TEST_F(Exec, a_parameter_may_look_like_an_option) {
  EXPECT_TRUE(contains(exec({"SELECT $1::int", "--", "-5"}).output, "-5"));
}

TEST_F(Exec, a_parameter_may_look_like_a_list) {
  EXPECT_EQ(exec({"--csv", "SELECT $1::jsonb AS a, $2::int[] AS b, $3 AS c", "[1, 2]", "{}", ""}).output,
            "a,b,c\r\n\"[1, 2]\",{},\"\"\r\n");
  EXPECT_EQ(exec({"--csv", "SELECT $1::int[] AS a", "{}"}).output, "a\r\n{}\r\n");
}

TEST_F(Exec, csv_tells_null_from_empty_and_quotes_what_must_be) {
  EXPECT_EQ(exec({"--csv", R"(SELECT 1 AS a, NULL AS b, '' AS c, 'x,"y' AS d)"}).output,
            "a,b,c,d\r\n1,,\"\",\"x,\"\"y\"\r\n");
}

TEST_F(Exec, json_keeps_numbers_booleans_json_and_null) {
  EXPECT_EQ(
      exec({"--json", R"(SELECT 1.50 AS n, true AS b, '{"k": 1}'::json AS j, NULL AS z, 'NaN'::float8 AS f)"})
          .output,
      "[\n{\"n\":1.50,\"b\":true,\"j\":{\"k\": 1},\"z\":null,\"f\":\"NaN\"}\n]\n");
  EXPECT_EQ(exec({"--json", "SELECT 1 WHERE false"}).output, "[]\n");
}

TEST_F(Exec, a_server_that_refuses_the_connection_is_no_wrong_usage) {
  for (const char* command : {"exec", "ping"}) {
    std::vector<std::string> arguments = {command, "--url", url("nowhere")};
    if (std::string_view(command) == "exec") arguments.emplace_back("SELECT 1");
    const Outcome outcome = run_copg(arguments);
    EXPECT_EQ(outcome.status, 1) << outcome.output;
    EXPECT_TRUE(contains(outcome.output, "3D000")) << outcome.output;
  }
  EXPECT_EQ(run_copg({"ping", "--url", "postgresql://no-such-host.invalid/"}).status, 1);
}

TEST_F(Exec, an_error_has_its_sqlstate_and_exits_with_1) {
  const Outcome outcome = exec({"SELECT 1/0"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(contains(outcome.output, "22012")) << outcome.output;
}

class Tune : public Exec {
 protected:
  Outcome tune(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"tune", "--seconds", "0.1", "--rounds", "1", "--callers", "8"});
    return run_copg(std::move(arguments), url("postgres"));
  }
};

TEST_F(Tune, advises_a_connection_for_each_caller_where_statements_only_wait) {
  const Outcome outcome = tune({"--no-share", "--sizes", "1,2,8", "--json", "SELECT pg_sleep(0.01)"});
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, R"("connections":8,"processes":1,"max_size":8,"best":8})"))
      << outcome.output;
}

TEST_F(Tune, shares_the_connections_among_processes_and_draws) {
  const OutputFile chart;
  const Outcome outcome = tune(
      {"--no-share", "--sizes", "1,8", "--processes", "3", "--svg", chart.path(), "SELECT pg_sleep(0.01)"});
  EXPECT_EQ(outcome.status, 0) << outcome.output;
  EXPECT_TRUE(contains(outcome.output, "Set max_size=3 in each of 3 processes, 9 connections in all"))
      << outcome.output;
  EXPECT_TRUE(contains(chart.text(), "max_size=8"));
}

TEST_F(Tune, says_how_much_the_server_lacks) {
  const Outcome outcome =
      tune({"--no-share", "--sizes", "8", "--processes", "3000", "SELECT pg_sleep(0.01)"});
  EXPECT_TRUE(contains(outcome.output, "raise max_connections by")) << outcome.output;
  EXPECT_EQ(tune({"--max", "5000", "SELECT 1"}).status, 2);
}

TEST_F(Tune, writes_only_if_it_may) {
  ASSERT_EQ(exec({"CREATE TABLE tuned (n int)"}).status, 0);
  const Outcome refused = tune({"--sizes", "1", "INSERT INTO tuned VALUES (1)"});
  EXPECT_EQ(refused.status, 2) << refused.output;
  EXPECT_TRUE(contains(refused.output, "--write")) << refused.output;
  EXPECT_TRUE(contains(exec({"--csv", "SELECT count(*) AS n FROM tuned"}).output, "n\r\n0\r\n"));
  EXPECT_EQ(tune({"--sizes", "1", "--write", "INSERT INTO tuned VALUES (1)"}).status, 0);
  EXPECT_FALSE(contains(exec({"--csv", "SELECT count(*) AS n FROM tuned"}).output, "n\r\n0\r\n"));
}

TEST_F(Tune, takes_the_statements_of_a_file) {
  const OutputFile statements;
  std::ofstream(statements.path()) << "-- two of them\nSELECT 1,\n  2;\nSELECT ';' ;\n";
  EXPECT_EQ(tune({"--sizes", "2", "--file", statements.path()}).status, 0);
  EXPECT_EQ(tune({"--sizes", "2", "--transaction", "--file", statements.path()}).status, 0);
  EXPECT_EQ(tune({"--sizes", "2", "--file", "/no/such/file"}).status, 2);
  EXPECT_EQ(tune({"--sizes", "2", "--file", statements.path(), "SELECT 1"}).status, 2);
  EXPECT_EQ(tune({"--sizes", "2"}).status, 2);
}

TEST_F(Tune, tells_what_went_wrong) {
  const Outcome outcome = tune({"--sizes", "2", "SELECT 1/0"});
  EXPECT_EQ(outcome.status, 1);
  EXPECT_TRUE(contains(outcome.output, "22012")) << outcome.output;
}

TEST_F(Tune, an_interruption_keeps_what_was_measured) {
  const OutputFile output;
  const pid_t pid = testing::spawn(
      copg({"tune", "--sizes", "1,2", "--seconds", "0.3", "--rounds", "100", "--callers", "2", "SELECT 1"},
           output, url("postgres")));
  // Its sessions are there: a round has begun.
  EXPECT_TRUE(copg::test::eventually(
      [&] {
        return contains(
            exec({"--csv", "SELECT count(*) > 1 AS n FROM pg_stat_activity WHERE query = 'SELECT 1'"}).output,
            "n\r\nt\r\n");
      },
      30s));
  ::kill(pid, SIGINT);
  EXPECT_EQ(testing::wait_for_exit(pid), 130);
  EXPECT_TRUE(contains(output.text(), "requests/s")) << output.text();
}

}  // namespace
}  // namespace copg::tools
