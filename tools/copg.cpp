// The copg command line: reads the arguments and calls what they name. Exit codes are in the help text below.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <copg/error.hpp>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "exec.hpp"
#include "ping.hpp"
#include "top/top.hpp"
#include "tune.hpp"
#include "with_postgres.hpp"

namespace {

using namespace copg::tools;

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

constexpr const char* exit_codes =
    "Exit codes: 0 success; 1 the server could not be reached or refused the statement; 2 wrong usage; 130\n"
    "interrupted. with-postgres: that of the command; 128 + signal if it was killed, 127 if it was not "
    "found, 126\n"
    "if it could not be executed.";

/// Takes what stands after "--" away from the arguments: a command's own, or parameters that may look like
/// options.
std::vector<std::string> take_rest(int& argc, char** argv) {
  const auto end = argv + argc;
  const auto dashes =
      std::find_if(argv, end, [](const char* argument) { return std::string_view(argument) == "--"; });
  if (dashes == end) return {};
  argc = static_cast<int>(dashes - argv);
  return {dashes + 1, end};
}

CLI::App& add_with_postgres(CLI::App& app, WithPostgresOptions& options) {
  CLI::App& command =
      *app.add_subcommand("with-postgres",
                          "Run a command next to a fresh PostgreSQL server, which is gone afterwards.\n"
                          "DATABASE_URL, PGHOST, PGPORT, PGUSER and PGDATABASE point to it.\n"
                          "    copg with-postgres [OPTIONS] -- CMD [ARG...]");
  command.prefix_command();
  command.add_option("--option", options.settings, "A line of postgresql.conf; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  command.add_flag("--tcp", options.tcp, "Point to a loopback port (with a password) instead of the socket");
  command.add_flag("--tls", options.tls,
                   "Like --tcp, with TLS verified against the server's own certificate");
  return command;
}

template <class Options>
void add_connection_options(CLI::App& command, Options& options) {
  command
      .add_option("--url", options.url,
                  "postgresql://...; without it DATABASE_URL, DB_*, PG* and .env say where")
      ->type_name("URL");
  command.add_option("--timeout", options.timeout, "How long to wait for the server")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
}

CLI::App& add_ping(CLI::App& app, PingOptions& options) {
  CLI::App& command = *app.add_subcommand("ping",
                                          "Tell how long connecting and a round trip take, the server's "
                                          "version and role, and whether TLS is used");
  add_connection_options(command, options);
  command.add_option("--count", options.count, "Round trips to measure")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  command.add_flag("--json", options.json, "Print one JSON object");
  return command;
}

/// What stands behind the statement, as it is. As the values of an option CLI11 would read "[1,2]" as two of
/// them, and "{}" as none.
std::vector<std::string> parameters_of(const CLI::App& exec) {
  std::vector<std::string> parameters = exec.remaining();
  for (const std::string& parameter : parameters) {
    const bool option = parameter.size() > 1 && parameter.starts_with('-');
    if (option) throw CLI::ExtrasError(std::vector<std::string>{parameter});
  }
  return parameters;
}

CLI::App& add_exec(CLI::App& app, ExecOptions& options, bool& csv, bool& json) {
  CLI::App& command = *app.add_subcommand(
      "exec",
      "Execute one statement and print its rows.\n"
      "    copg exec [OPTIONS] SQL [PARAM...]       (PARAM: what $1, $2, ... stand for, as text)\n"
      "    copg exec 'SELECT $1::int + 1' 41        (before a parameter that starts with a dash: --)");
  add_connection_options(command, options);
  command.add_option("SQL", options.sql, "The statement; its placeholders are $1, $2, ...");
  command.allow_extras();  // the parameters
  CLI::Option* as_csv = command.add_flag("--csv", csv, "Print CSV with a header");
  command.add_flag("--json", json, "Print a JSON array of objects")->excludes(as_csv);
  return command;
}

CLI::App& add_tune(CLI::App& app, TuneOptions& options) {
  CLI::App& command = *app.add_subcommand(
      "tune",
      "Find out by trying how many connections a load is best served with.\n"
      "    copg tune [OPTIONS] SQL\n"
      "    copg tune [OPTIONS] --file FILE\n"
      "Threads execute the statements over and over through pools of growing size. The advice is the "
      "smallest\n"
      "one with 95 % of the most requests per second. A statement may choose its own values:\n"
      "    copg tune 'SELECT * FROM users WHERE id = (SELECT 1 + floor(random() * 10000)::int)'");
  add_connection_options(command, options);
  command.add_option("SQL", options.sql, "The statement, without placeholders");
  command
      .add_option("--file", options.file,
                  "Statements, each of which ends with a semicolon at the end of a line")
      ->type_name("FILE");
  command.add_flag("--transaction", options.as_transaction,
                   "A request is all statements in one transaction; else one statement, each in its turn");
  command.add_flag("--write", options.writes,
                   "The statements may write, and will, many times over; else their sessions are read only");
  command.add_flag("--no-share", options.alone,
                   "Statements of several callers never travel together (the pool's option share)");
  command.add_option("--callers", options.callers, "Threads that ask at the same time")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  CLI::Option* max = command
                         .add_option("--max", options.max,
                                     "The largest pool to try (as many as callers, or the server has left)")
                         ->check(CLI::Range(1, 10'000));
  command.add_option("--sizes", options.sizes, "Try these sizes, and no others")
      ->type_name("N,N,...")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 10'000))
      ->excludes(max);
  command.add_option("--seconds", options.seconds, "How long each round takes")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 3600.0));
  command.add_option("--rounds", options.rounds, "Rounds for each size, of which the median counts")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  command.add_option("--processes", options.processes, "Processes that will have such a pool each")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  command.add_option("--svg", options.svg, "Draw a chart into this file")->type_name("FILE");
  command.add_flag("--json", options.json, "Print one JSON object");
  return command;
}

CLI::App& add_top(CLI::App& app, TopOptions& options) {
  CLI::App& command = *app.add_subcommand(
      "top",
      "Show what the pools of running processes do: who holds connections, who waits, what went wrong.\n"
      "    copg top                                 (all processes of yours that have a monitor)\n"
      "    copg top http://127.0.0.1:8080/?token=T  (or the path of a monitor's socket)\n"
      "    copg top --database URL                  (a server's sessions, without monitors)\n"
      "Without monitors the server of DATABASE_URL, DB_*, PG* or .env is looked at. Keys: h shows them.");
  command.add_option("MONITOR", options.monitors, "Monitors to ask, in place of those that are found");
  command.add_option("--database", options.database, "postgresql://...: the server whose sessions to show")
      ->type_name("URL");
  command.add_option("--interval", options.interval, "How long from one look to the next")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 60.0));
  command.add_option("--timeout", options.timeout, "How long to wait for an answer")
      ->type_name("SECONDS")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 600.0));
  command.add_flag("--once", options.once, "Print tables, and end");
  command.add_flag("--json", options.json,
                   "With --once: print the monitors' documents, or the sessions, as JSON");
  command.add_flag("--no-texts", options.no_texts, "Leave statements and messages out of the tables");
  return command;
}

int run(int argc, char** argv) {
  CLI::App app("copg: tools around a PostgreSQL connection pool", "copg");
  app.set_version_flag("--version", "copg " COPG_VERSION);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Print the help of every command");
  WithPostgresOptions with;
  PingOptions pinging;
  ExecOptions executing;
  TuneOptions tuning;
  TopOptions watching;
  bool csv = false;
  bool json = false;
  CLI::App& with_command = add_with_postgres(app, with);
  CLI::App& ping_command = add_ping(app, pinging);
  CLI::App& exec_command = add_exec(app, executing, csv, json);
  CLI::App& tune_command = add_tune(app, tuning);
  CLI::App& top_command = add_top(app, watching);
  for (CLI::App* any : {&app, &with_command, &ping_command, &exec_command, &tune_command, &top_command})
    any->footer(exit_codes);

  std::vector<std::string> rest = take_rest(argc, argv);
  try {
    app.parse(argc, argv);
    if (with_command.parsed()) {
      with.tcp = with.tcp || with.tls;
      with.command = with_command.remaining();
      with.command.insert(with.command.end(), rest.begin(), rest.end());
      if (with.command.empty()) throw CLI::RequiredError("CMD");
      return with_postgres(with);
    }
    if (exec_command.parsed()) {
      executing.parameters = parameters_of(exec_command);
      executing.parameters.insert(executing.parameters.end(), rest.begin(), rest.end());
      if (executing.sql.empty() && !executing.parameters.empty()) {
        executing.sql = executing.parameters.front();
        executing.parameters.erase(executing.parameters.begin());
      }
      if (executing.sql.empty()) throw CLI::RequiredError("SQL");
    } else if (!rest.empty()) {
      throw CLI::ExtrasError(rest);
    }
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
  if (ping_command.parsed()) ping(pinging, stdout);
  executing.format = csv ? RowFormat::csv : json ? RowFormat::json : RowFormat::table;
  if (exec_command.parsed()) exec(executing, stdout);
  int status = 0;
  if (tune_command.parsed()) status = tune(tuning, stdout);
  if (top_command.parsed()) status = top(watching, stdout);
  if (std::fflush(stdout) != 0) throw std::runtime_error("could not write the output");
  return status;
}

void report(const copg::Error& error) {
  const copg::ErrorInfo& info = error.info();
  const std::string sqlstate = info.sqlstate.text();
  std::fprintf(stderr, "copg: %s%s\n", sqlstate.empty() ? "" : (sqlstate + ": ").c_str(), error.what());
  if (std::string_view(error.what()).find(info.cause) == std::string_view::npos)
    std::fprintf(stderr, "cause: %s\n", info.cause.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const copg::ConfigurationError& error) {
    report(error);
    // With a connection lost it was a connect that failed: a wrong password, no such database.
    return error.info().connection_survives ? exit_usage : exit_failure;
  } catch (const copg::Error& error) {
    report(error);
    return exit_failure;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "copg: %s\n", error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copg: %s\n", error.what());
    return exit_failure;
  }
}
