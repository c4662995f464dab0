// Sockets and threads behind the scripted server.
#include "scripted_server.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace copg::test {
namespace {

constexpr int patience_ms = 10000;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error("socket path too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool readable(int fd) {
  pollfd watched{.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&watched, 1, patience_ms) == 1;
}

int accept_one(int listener) {
  return readable(listener) ? accept4(listener, nullptr, nullptr, SOCK_CLOEXEC) : -1;
}

bool send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

/// Passes one lump on. Its size; 0 at the end.
std::size_t relay(int from, int to, std::string* note) {
  std::array<char, 65536> buffer{};
  const ssize_t n = recv(from, buffer.data(), buffer.size(), 0);
  if (n <= 0 || !send_all(to, buffer.data(), static_cast<std::size_t>(n))) return 0;
  if (note != nullptr) note->append(buffer.data(), static_cast<std::size_t>(n));
  return static_cast<std::size_t>(n);
}

}  // namespace

std::size_t bytes_said(const Transcript& transcript) {
  std::size_t sum = 0;
  for (const Turn& turn : transcript) sum += turn.said.size();
  return sum;
}

SocketFolder::SocketFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "copg-script-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  folder_ = name;
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of((folder_ / (".s.PGSQL." + port())).string());
  if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 8) != 0) {
    throw std::runtime_error("can't listen in " + name);
  }
}

SocketFolder::~SocketFolder() {
  close(listener_);
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

Transcript record(const std::filesystem::path& socket_path,
                  const std::function<void(const SocketFolder&)>& talk) {
  const SocketFolder folder;
  Transcript transcript;
  std::thread recorder([&] {
    const int client = accept_one(folder.listener());
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_un address = address_of(socket_path.string());
    bool open =
        client >= 0 && connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    while (open) {
      std::array<pollfd, 2> watched{
          {{.fd = client, .events = POLLIN, .revents = 0}, {.fd = server, .events = POLLIN, .revents = 0}}};
      if (poll(watched.data(), watched.size(), patience_ms) <= 0) break;
      if (watched[0].revents != 0) {
        const std::size_t size = relay(client, server, nullptr);
        if (transcript.empty() || !transcript.back().said.empty()) transcript.emplace_back();
        transcript.back().heard += size;
        open = size > 0;
      }
      if (open && watched[1].revents != 0) open = relay(server, client, &transcript.back().said) > 0;
    }
    close(client);
    close(server);
  });
  try {
    talk(folder);
  } catch (...) {
    recorder.join();
    throw;
  }
  recorder.join();
  // The farewell is answered by nothing.
  while (!transcript.empty() && transcript.back().said.empty()) transcript.pop_back();
  return transcript;
}

ScriptedServer::ScriptedServer(const SocketFolder& folder, const Transcript& transcript,
                               std::size_t cut_after, Pace pace)
    : folder_(folder), transcript_(transcript), left_(cut_after), pace_(pace), thread_([this] { serve(); }) {}

ScriptedServer::~ScriptedServer() { thread_.join(); }

void ScriptedServer::serve() {
  const int fd = accept_one(folder_.listener());
  if (fd < 0) return;
  bool open = left_ > 0;
  for (auto turn = transcript_.begin(); open && turn != transcript_.end(); ++turn) {
    open = hear(fd, turn->heard) && say(fd, turn->said);
  }
  char byte = 0;
  while (open && readable(fd) && recv(fd, &byte, 1, 0) > 0) {
  }
  close(fd);
}

bool ScriptedServer::hear(int fd, std::size_t size) const {
  std::array<char, 4096> buffer{};
  while (size > 0) {
    if (!readable(fd)) return false;
    const ssize_t n = recv(fd, buffer.data(), std::min(size, buffer.size()), 0);
    if (n <= 0) return false;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool ScriptedServer::say(int fd, const std::string& bytes) {
  const std::size_t size = std::min(bytes.size(), left_);
  left_ -= size;
  if (pace_ == Pace::whole) return send_all(fd, bytes.data(), size) && left_ > 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (!send_all(fd, bytes.data() + i, 1)) return false;
    // The other side has taken it before the next one comes.
    std::this_thread::yield();
  }
  return left_ > 0;
}

}  // namespace copg::test
