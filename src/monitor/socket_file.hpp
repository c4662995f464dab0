// The Unix socket of a monitor: where it lies, that nobody else can put one in its place, and that it goes.
#pragma once

#include <string>

namespace copg::monitor {

/// $XDG_RUNTIME_DIR/copg, or /tmp/copg-<uid>.
[[nodiscard]] std::string socket_folder();

/// A socket that listens in a file "<pid>-<n>.sock" of that folder, which only this user may enter.
class SocketFile {
 public:
  /// Makes the folder if need be, and removes files of sockets on which nobody listens any more. Throws
  /// std::system_error, or ConfigurationError if the folder is not this user's alone.
  SocketFile();
  SocketFile(const SocketFile&) = delete;
  SocketFile& operator=(const SocketFile&) = delete;
  /// Removes the file. Not in a forked child.
  ~SocketFile();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The descriptor, which belongs to the caller then.
  [[nodiscard]] int release() noexcept;

 private:
  void listen_in(const std::string& folder);

  int fd_ = -1;
  int pid_ = 0;
  std::string path_;
};

}  // namespace copg::monitor
