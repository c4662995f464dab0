// See child_process.hpp.
#include "testing/child_process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>

namespace copg::testing {
namespace {

constexpr int status_not_found = 127;
constexpr int status_not_executable = 126;

std::vector<std::string> environment_of(const ChildProcess& child) {
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    const bool dropped = std::any_of(child.dropped_environment.begin(), child.dropped_environment.end(),
                                     [&](const std::string& prefix) { return name.starts_with(prefix); });
    const bool replaced = std::any_of(child.environment.begin(), child.environment.end(),
                                      [&](const auto& entry) { return entry.first == name; });
    if (!dropped && !replaced) result.emplace_back(text);
  }
  for (const auto& [name, value] : child.environment) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

int exit_status(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

/// The child's half of spawn: everything was allocated before the fork.
class Preparation {
 public:
  explicit Preparation(const ChildProcess& child)
      : child_(child),
        arguments_(child.arguments),
        environment_(environment_of(child)),
        argument_pointers_(pointers_to(arguments_)),
        environment_pointers_(pointers_to(environment_)),
        not_found_("cannot find the program " + child.arguments.front() + "\n"),
        not_executable_("cannot execute the program " + child.arguments.front() + "\n") {}

  [[noreturn]] void exec() noexcept {
    if (child_.own_session) ::setsid();
    take_signals_back();
    if (!redirect() || !drop_privileges()) ::_exit(status_not_executable);
    if (!child_.working_folder.empty() && ::chdir(child_.working_folder.c_str()) != 0)
      ::_exit(status_not_executable);
    ::execvpe(argument_pointers_[0], argument_pointers_.data(), environment_pointers_.data());
    const bool missing = errno == ENOENT;
    const std::string& message = missing ? not_found_ : not_executable_;
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, message.data(), message.size());
    ::_exit(missing ? status_not_found : status_not_executable);
  }

 private:
  static void take_signals_back() noexcept {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGCHLD}) ::signal(signal, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
  }

  [[nodiscard]] bool redirect() const noexcept {
    if (!child_.output.empty()) {
      const int out = ::open(child_.output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
      if (out < 0 || ::dup2(out, STDOUT_FILENO) < 0 || ::dup2(out, STDERR_FILENO) < 0) return false;
    }
    int in = child_.input;
    if (in < 0 && !child_.output.empty()) in = ::open("/dev/null", O_RDONLY);
    if (in >= 0 && ::dup2(in, STDIN_FILENO) < 0) return false;
    // A background program must not keep the caller's sockets and pipes alive.
    if (child_.own_session) ::syscall(SYS_close_range, 3U, ~0U, 0U);
    return true;
  }

  [[nodiscard]] bool drop_privileges() const noexcept {
    if (!child_.user) return true;
    return ::setgroups(0, nullptr) == 0 && ::setgid(child_.user->gid) == 0 && ::setuid(child_.user->uid) == 0;
  }

  const ChildProcess& child_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  std::vector<char*> argument_pointers_;
  std::vector<char*> environment_pointers_;
  std::string not_found_;
  std::string not_executable_;
};

}  // namespace

pid_t spawn(const ChildProcess& child) {
  Preparation preparation(child);
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) preparation.exec();
  return pid;
}

int wait_for_exit(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  return exit_status(status);
}

std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout) {
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    int status = 0;
    const pid_t done = ::waitpid(pid, &status, WNOHANG);
    if (done == pid) return exit_status(status);
    if (done < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
    if (std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    ::poll(nullptr, 0, 2);  // ms; SIGCHLD belongs to the program around us, so it can't be waited for here.
  }
}

void run(const ChildProcess& child) {
  const int status = wait_for_exit(spawn(child));
  if (status == 0) return;
  std::ifstream file(child.output);
  const std::string said{std::istreambuf_iterator<char>(file), {}};
  throw std::runtime_error(
      fmt::format("{} failed with status {}:\n{}", child.arguments.front(), status, said));
}

}  // namespace copg::testing
