#include "monitor/socket_file.hpp"

#include <copg/error.hpp>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <system_error>
#include <utility>

#include "os/sockets.hpp"

namespace copg::monitor {

namespace {

constexpr std::string_view suffix = ".sock";
constexpr int waiting_connections = 16;

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    throw ConfigurationError(fmt::format("the path of the monitor's socket is too long: {}", path));
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) noexcept {
  return reinterpret_cast<const sockaddr*>(&address);  // as bind and connect take it
}

void make_folder(const std::string& folder) {
  if (mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) fail(folder);
  struct stat status {};
  if (lstat(folder.c_str(), &status) != 0) fail(folder);
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    throw ConfigurationError(
        fmt::format("{} must be a folder of this user's, with mode 700, for a socket in it", folder));
}

/// Nobody listens on the socket in this file. A file appears only once somebody does (listen_in).
bool is_stale(const std::string& path) {
  const int fd = os::open_socket(AF_UNIX, SOCK_STREAM, false);
  if (fd < 0) return false;
  const sockaddr_un address = address_of(path);
  const bool refused = connect(fd, generic(address), sizeof address) != 0 && errno == ECONNREFUSED;
  close(fd);
  return refused;
}

void remove_stale(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), closedir);
  if (!open) return;
  while (const dirent* const entry = readdir(open.get())) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (!name.ends_with(suffix) || name.starts_with('.')) continue;
    const std::string path = fmt::format("{}/{}", folder, name);
    if (is_stale(path)) unlink(path.c_str());
  }
}

}  // namespace

std::string socket_folder() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime == '/') return fmt::format("{}/copg", runtime);
  return fmt::format("/tmp/copg-{}", geteuid());
}

SocketFile::SocketFile() : pid_(getpid()) {
  const std::string folder = socket_folder();
  make_folder(folder);
  remove_stale(folder);
  fd_ = os::open_socket(AF_UNIX, SOCK_STREAM, true);
  if (fd_ < 0) fail("socket");
  try {
    listen_in(folder);
  } catch (...) {
    close(fd_);
    throw;
  }
}

/// First under another name, so that nobody takes the file for stale before it is listened on; then as the
/// first number that is free, also of another process that has the same pid in another container.
void SocketFile::listen_in(const std::string& folder) {
  const std::string first = fmt::format("{}/.{}-{}", folder, pid_, fd_);
  unlink(first.c_str());
  const sockaddr_un address = address_of(first);
  if (bind(fd_, generic(address), sizeof address) != 0) fail(first);
  if (chmod(first.c_str(), S_IRUSR | S_IWUSR) != 0 || listen(fd_, waiting_connections) != 0) fail(first);
  constexpr int numbers = 1000;
  for (int number = 0; path_.empty() && number < numbers; ++number) {
    const std::string path = fmt::format("{}/{}-{}{}", folder, pid_, number, suffix);
    (void)address_of(path);  // whoever connects needs a path that fits
    if (link(first.c_str(), path.c_str()) == 0) {
      path_ = path;
    } else if (errno != EEXIST) {
      break;
    }
  }
  const int error = std::exchange(errno, 0);
  unlink(first.c_str());
  if (!path_.empty()) return;
  errno = error;
  fail(folder);
}

SocketFile::~SocketFile() {
  if (getpid() != pid_) return;
  if (!path_.empty()) unlink(path_.c_str());
  if (fd_ >= 0) close(fd_);
}

int SocketFile::release() noexcept { return std::exchange(fd_, -1); }

}  // namespace copg::monitor
