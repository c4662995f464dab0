// See with_postgres.hpp.
#include "with_postgres.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <csignal>
#include <random>
#include <stdexcept>

#include "testing/throwaway_postgres.hpp"

namespace copg::tools {
namespace {

constexpr int password_length = 32;

sigset_t signals_of_interest() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) ::sigaddset(&set, signal);
  return set;
}

/// Everybody on this machine can reach the port, so it gets a password that nobody can guess.
std::string random_password() {
  std::random_device random;
  std::string result;
  while (result.size() < password_length) result += fmt::format("{:08x}", random());
  return result;
}

testing::ThrowawayOptions server_options(const WithPostgresOptions& options) {
  testing::ThrowawayOptions result{.tls = options.tls, .tcp = options.tcp};
  if (options.tcp) result.password = random_password();
  for (const std::string& setting : options.settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw std::invalid_argument(fmt::format("--option {}: expected name=value", setting));
    }
    result.settings.emplace_back(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return result;
}

std::vector<std::pair<std::string, std::string>> environment_for(const testing::ThrowawayPostgres& server,
                                                                 const testing::ThrowawayOptions& options) {
  std::string url = options.tcp ? server.tcp_url() : server.url();
  std::vector<std::pair<std::string, std::string>> result = {
      {"PGHOST", options.tcp ? "127.0.0.1" : server.socket_folder().string()},
      {"PGPORT", std::to_string(server.port())},
      {"PGUSER", testing::ThrowawayPostgres::user()},
      {"PGDATABASE", "postgres"},
  };
  if (options.tcp) result.emplace_back("PGPASSWORD", options.password);
  if (options.tls) {
    url += "?sslmode=verify-full&sslrootcert=" + server.certificate().string();
    result.emplace_back("PGSSLMODE", "verify-full");
    result.emplace_back("PGSSLROOTCERT", server.certificate().string());
  }
  result.emplace_back("DATABASE_URL", url);
  return result;
}

/// Waits for the command, passing signals on. SIGCHLD may also tell of the server.
int wait_for_command(pid_t command) {
  const sigset_t set = signals_of_interest();
  for (;;) {
    siginfo_t info{};
    const int signal = ::sigwaitinfo(&set, &info);
    if (signal == SIGCHLD) {
      if (const auto status = testing::wait_for_exit(command, std::chrono::milliseconds(0))) return *status;
    } else if (signal > 0 && info.si_code != SI_KERNEL) {
      // One from the kernel is the terminal's, which sends it to the command as well.
      ::kill(command, signal);
    }
  }
}

}  // namespace

int with_postgres(const WithPostgresOptions& options) {
  const testing::ThrowawayOptions setup = server_options(options);
  const testing::ThrowawayPostgres server(setup);  // until here a signal ends us, and the watchdog cleans up
  const sigset_t set = signals_of_interest();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  return wait_for_command(
      testing::spawn({.arguments = options.command, .environment = environment_for(server, setup)}));
}

}  // namespace copg::tools
