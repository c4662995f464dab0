// The copg command line: reads the arguments and calls what they name. Exit codes are in the help text below.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

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

/// Takes what stands after "--" away from the arguments: it is a command's own and none of our business.
std::vector<std::string> take_command(int& argc, char** argv) {
  const auto end = argv + argc;
  const auto dashes =
      std::find_if(argv, end, [](const char* argument) { return std::string_view(argument) == "--"; });
  if (dashes == end) return {};
  argc = static_cast<int>(dashes - argv);
  return {dashes + 1, end};
}

int run(int argc, char** argv) {
  CLI::App app("copg: tools around a PostgreSQL connection pool", "copg");
  app.footer(exit_codes);
  app.set_version_flag("--version", "copg " COPG_VERSION);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Print the help of every command");

  WithPostgresOptions with;
  CLI::App& with_command =
      *app.add_subcommand("with-postgres",
                          "Run a command next to a fresh PostgreSQL server, which is gone afterwards.\n"
                          "DATABASE_URL, PGHOST, PGPORT, PGUSER and PGDATABASE point to it.\n"
                          "    copg with-postgres [OPTIONS] -- CMD [ARG...]");
  with_command.prefix_command();
  with_command.footer(exit_codes);
  with_command.add_option("--option", with.settings, "A line of postgresql.conf; may be repeated")
      ->type_name("NAME=VALUE")
      ->expected(1)
      ->take_all();
  with_command.add_flag("--tcp", with.tcp,
                        "Point to a loopback port (with a password) instead of the socket");
  with_command.add_flag("--tls", with.tls,
                        "Like --tcp, with TLS verified against the server's own certificate");

  with.command = take_command(argc, argv);
  try {
    app.parse(argc, argv);
    with.tcp = with.tcp || with.tls;
    if (with.command.empty()) with.command = with_command.remaining();
    if (with.command.empty()) throw CLI::RequiredError("CMD");
    return with_postgres(with);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : exit_usage;
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "copg: %s\n", error.what());
    return exit_usage;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "copg: %s\n", error.what());
    return exit_failure;
  }
}
