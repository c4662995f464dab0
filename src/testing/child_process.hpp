// Starting another program and waiting for it: what fork and exec need, and nothing of what is run.
//
// Between fork and exec only async-signal-safe calls are made, so that a program with threads may start
// children.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace copg::testing {

/// A user of this machine.
struct SystemUser {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// What to run, and how.
struct ChildProcess {
  /// The program, looked up on PATH if it has no slash, and its arguments.
  std::vector<std::string> arguments{};
  /// Variables to set.
  std::vector<std::pair<std::string, std::string>> environment{};
  /// Prefixes of variables to take away, such as "PG".
  std::vector<std::string> dropped_environment{};
  /// Empty: the caller's.
  std::filesystem::path working_folder{};
  /// Standard output and error are appended to this file. Empty: the caller's.
  std::filesystem::path output{};
  /// Becomes standard input. -1: the caller's, or /dev/null with an output file.
  int input = -1;
  /// Drop to this user. Only root can.
  std::optional<SystemUser> user{};
  /// In a session of its own, out of reach of the terminal's Ctrl-C, and without the caller's open files.
  bool own_session = false;
};

/// Starts it. Returns its process id; the caller must wait for it. An exec that fails ends the child with
/// status 127 (not found) or 126 (not executable). Signals are unblocked and SIGINT, SIGTERM, SIGPIPE at
/// their defaults in the child. Throws std::system_error when fork fails.
[[nodiscard]] pid_t spawn(const ChildProcess& child);

/// Waits for the end; returns the exit status as a shell gives it: 128 + signal for a child that was killed.
int wait_for_exit(pid_t pid);
/// The same, but nothing after `timeout`.
[[nodiscard]] std::optional<int> wait_for_exit(pid_t pid, std::chrono::milliseconds timeout);

/// Starts it and waits. Throws std::runtime_error with the output when the status is not 0; `output` must be
/// set.
void run(const ChildProcess& child);

}  // namespace copg::testing
