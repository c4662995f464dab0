// One thread per connection: enough for a test, and easy to follow.
#include "pq/session/cancel_gate.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace copg::test {
namespace {

// Protocol docs 55.7: length 16, then this number in place of a protocol version.
constexpr std::uint32_t cancel_request_code = 80877102;
constexpr std::size_t cancel_request_size = 16;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

bool send_all(int to, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(to, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool readable(int fd, int stop_event) {
  std::array<pollfd, 2> fds{pollfd{fd, POLLIN, 0}, pollfd{stop_event, POLLIN, 0}};
  return ::poll(fds.data(), fds.size(), -1) > 0 && fds[1].revents == 0;
}

}  // namespace

CancelGate::CancelGate(std::uint16_t server_port) : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_event_ = ::eventfd(0, EFD_CLOEXEC);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the cancel gate can't listen");
  }
  port_ = ntohs(address.sin_port);
  accepting_ = std::thread([this] { accept_all(); });
}

CancelGate::~CancelGate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  const std::uint64_t one = 1;
  static_cast<void>(::write(stop_event_, &one, sizeof one) == sizeof one);
  accepting_.join();
  for (std::thread& thread : serving_) thread.join();
  ::close(listener_);
  ::close(stop_event_);
}

bool CancelGate::wait_for_held(int cancels, std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, patience, [&] { return held_ >= cancels; });
}

void CancelGate::open() {
  {
    const std::lock_guard lock(mutex_);
    open_ = true;
  }
  changed_.notify_all();
}

void CancelGate::accept_all() {
  while (readable(listener_, stop_event_)) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) serving_.emplace_back([this, client] { serve(client); });
  }
}

void CancelGate::serve(int client) {
  std::array<char, cancel_request_size> head{};
  std::uint32_t code = 0;
  const bool started =
      readable(client, stop_event_) &&
      ::recv(client, head.data(), head.size(), MSG_PEEK | MSG_WAITALL) == ssize_t{cancel_request_size};
  if (started) {
    std::memcpy(&code, head.data() + 4, sizeof code);
    const bool is_cancel = ntohl(code) == cancel_request_code;
    if (!is_cancel || hold()) {
      const int server = connect_to_server();
      if (server >= 0) pass(client, server, !is_cancel);
      ::close(server);
      if (is_cancel) ++delivered_;
    }
  }
  ::close(client);
}

// True when the request may go on.
bool CancelGate::hold() {
  std::unique_lock lock(mutex_);
  ++held_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_ || stopping_; });
  return open_;
}

int CancelGate::connect_to_server() const {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(server_port_);
  if (::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return server;
  ::close(server);
  return -1;
}

void CancelGate::pass(int client, int server, bool may_be_held) const {
  std::array<char, 16384> buffer;
  std::array<pollfd, 3> fds{pollfd{client, POLLIN, 0}, pollfd{server, POLLIN, 0},
                            pollfd{stop_event_, POLLIN, 0}};
  const int look_again_ms = may_be_held ? 1 : -1;  // at data_held_
  while (::poll(fds.data(), fds.size(), look_again_ms) >= 0 && fds[2].revents == 0) {
    // asked behind the poll: nothing sent after hold_data() slips by
    const bool held = may_be_held && data_held_;
    fds[0].fd = held ? -1 : client;
    for (const int side : {0, 1}) {
      if (fds[static_cast<std::size_t>(side)].revents == 0 || (side == 0 && held)) continue;
      const ssize_t n = ::recv(side == 0 ? client : server, buffer.data(), buffer.size(), 0);
      if (n <= 0 || !send_all(side == 0 ? server : client, buffer.data(), static_cast<std::size_t>(n)))
        return;
    }
  }
}

}  // namespace copg::test
