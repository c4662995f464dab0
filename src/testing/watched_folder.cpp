// See watched_folder.hpp.
#include "testing/watched_folder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace copg::testing {
namespace {

namespace fs = std::filesystem;

// sun_path has 108 bytes; the socket's name is ".s.PGSQL.32767.lock" at its longest.
constexpr std::size_t longest_socket_folder = 108 - 1 - 20;

// The folder is $1. The server removes postmaster.pid when it has ended, which is also true when nobody reaps
// it. Its working folder proves that the process id is still its own.
constexpr const char* watchdog_script = R"sh(
read -r word && exit 0
data=$1/data
pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null)
if [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd")" = "$data" ]; then
  kill -QUIT "$pid"
  kill -CONT "$pid"
  tries=0
  while [ -e "$data/postmaster.pid" ] && [ "$tries" -lt 200 ]; do sleep 0.05; tries=$((tries + 1)); done
  [ ! -e "$data/postmaster.pid" ] || kill -KILL "$pid"
fi
rm -rf -- "$1"
)sh";

bool others_can_reach(const fs::path& folder) {
  for (fs::path part = folder; part != part.root_path(); part = part.parent_path()) {
    if ((fs::status(part).permissions() & fs::perms::others_exec) == fs::perms::none) return false;
  }
  return true;
}

fs::path parent_for(const std::optional<SystemUser>& user) {
  std::error_code error;
  const fs::path wanted = fs::canonical(fs::temp_directory_path(error), error);
  if (error || (user && !others_can_reach(wanted))) return "/tmp";
  const std::size_t length = wanted.native().size() + std::string_view("/copg-postgres-XXXXXX").size();
  return length > longest_socket_folder ? fs::path("/tmp") : wanted;
}

}  // namespace

WatchedFolder::WatchedFolder(const std::optional<SystemUser>& user) : owner_(::getpid()) {
  std::string name = parent_for(user) / "copg-postgres-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) throw std::system_error(errno, std::generic_category(), name);
  path_ = name;
  if (user && ::chown(path_.c_str(), user->uid, user->gid) != 0) {
    const int error = errno;
    ::rmdir(path_.c_str());
    throw std::system_error(error, std::generic_category(), "chown " + name);
  }
  start_watchdog();
}

void WatchedFolder::start_watchdog() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  pipe_ = ends[1];
  watchdog_ = spawn({.arguments = {"/bin/sh", "-c", watchdog_script, "watchdog", path_.string()},
                     .working_folder = "/",
                     .output = "/dev/null",
                     .input = ends[0],
                     .own_session = true});
  ::close(ends[0]);
}

bool WatchedFolder::is_ours() const noexcept { return ::getpid() == owner_; }

WatchedFolder::~WatchedFolder() {
  if (!is_ours()) {
    ::close(pipe_);
    return;
  }
  std::error_code ignored;
  fs::remove_all(path_, ignored);
  // A watchdog that has gone already must not kill us with SIGPIPE; undismissed, it removes what we could
  // not.
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  if (!ignored && ::write(pipe_, "done\n", 5) != 5) ::close(std::exchange(pipe_, -1));
  ::signal(SIGPIPE, before);
  if (pipe_ >= 0) ::close(pipe_);
  try {
    wait_for_exit(watchdog_);
  } catch (const std::system_error&) {  // somebody else has reaped it
  }
}

}  // namespace copg::testing
