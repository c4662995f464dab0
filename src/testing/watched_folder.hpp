// A temporary folder with a server in it that goes away with the process that made it, even when that is
// killed.
//
// A small shell process watches over it: when its pipe closes before it was dismissed, it ends the PostgreSQL
// server whose data is in the folder and removes the folder.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "testing/child_process.hpp"

namespace copg::testing {

class WatchedFolder {
 public:
  /// Makes the folder below TMPDIR (or /tmp, when a socket's path in it would be too long or `user` could not
  /// reach it), for `user` alone. Throws std::system_error.
  explicit WatchedFolder(const std::optional<SystemUser>& user);
  WatchedFolder(const WatchedFolder&) = delete;
  WatchedFolder& operator=(const WatchedFolder&) = delete;
  /// Removes it, except in a forked child. The server must have stopped.
  ~WatchedFolder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// True in the process that made it, false in a forked child.
  [[nodiscard]] bool is_ours() const noexcept;

 private:
  void start_watchdog();

  std::filesystem::path path_;
  pid_t owner_;
  pid_t watchdog_ = -1;
  int pipe_ = -1;  ///< Writing end of the watchdog's standard input.
};

}  // namespace copg::testing
