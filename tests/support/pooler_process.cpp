// See pooler_process.hpp.
#include "support/pooler_process.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "support/eventually.hpp"
#include "testing/loopback_port.hpp"
#include "testing/postgres_installation.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {
namespace {

namespace fs = std::filesystem;

/// Behind the command: reads nothing until the process that made it closes the pipe, or dies.
constexpr const char* keeping = R"sh( &
read -r word
kill -s "$1" "$!"
wait "$!"
)sh";

bool accepts(const fs::path& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::close(fd);
  return connected == 0;
}

}  // namespace

PoolerProcess::PoolerProcess(std::string command, std::string signal)
    : user_(testing::user_for_server()),
      folder_(user_),
      port_(std::to_string(testing::free_loopback_port())),
      script_(std::move(command) + keeping),
      signal_(std::move(signal)) {}

PoolerProcess::~PoolerProcess() { stop(); }

void PoolerProcess::start() {
  if (keeper_ > 0) return;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  keeper_ = testing::spawn({.arguments = {"/bin/sh", "-c", script_, "keeper", signal_},
                            .dropped_environment = {"PG"},
                            .working_folder = folder_.path(),
                            .output = folder_.path() / "log",
                            .input = ends[0],
                            .user = user_,
                            .own_session = true});
  ::close(ends[0]);
  pipe_ = ends[1];
  if (!eventually([&] { return accepts(folder_.path() / (".s.PGSQL." + port_)); })) {
    stop();
    throw std::runtime_error("the pooler did not start:\n" + log());
  }
}

void PoolerProcess::stop() {
  if (keeper_ <= 0) return;
  ::close(pipe_);
  testing::wait_for_exit(std::exchange(keeper_, -1));
}

std::string PoolerProcess::url() const {
  return "postgresql://" + testing::ThrowawayPostgres::user() + "@/postgres?host=" + folder_.path().string() +
         "&port=" + port_;
}

std::string PoolerProcess::tcp_url() const {
  return "postgresql://" + testing::ThrowawayPostgres::user() + "@127.0.0.1:" + port_ + "/postgres";
}

std::string PoolerProcess::log() const {
  std::ifstream file(folder_.path() / "log");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace copg::test
