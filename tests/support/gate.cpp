// One thread and one poll(2) over all connections. With the mutex held except while it waits.
#include "support/gate.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

namespace copg::test {
namespace {

// Protocol docs 55.7: length 16, then this number in place of a protocol version.
constexpr std::uint32_t cancel_request_code = 80877102;
constexpr std::size_t code_offset = 4;

sockaddr_in loopback(std::uint16_t port, std::uint8_t last_byte = 1) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl((INADDR_LOOPBACK & ~0xFFU) | last_byte);
  address.sin_port = htons(port);
  return address;
}

void send_at_once(int fd) {
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  send_at_once(fd);
  return fd;
}

/// Appends what there is. False at the end of the stream.
bool receive(int fd, std::string& into) {
  std::array<char, 65536> buffer;
  const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  into.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0;
}

/// Sends what the socket takes. False if it is broken.
bool send_some(int fd, std::string& from) {
  if (from.empty()) return true;
  const ssize_t n = ::send(fd, from.data(), from.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  from.erase(0, static_cast<std::size_t>(n));
  return true;
}

}  // namespace

struct Gate::Pass {
  enum class Answers : std::uint8_t { pass, lost };
  int client = -1;
  int server = -1;
  std::string to_server{};
  std::string to_client{};
  bool inspected = false;  // it is known whether this is a cancel request
  bool is_cancel = false;
  bool client_spoke_last = false;
  bool server_ended = false;
  Answers answers = Answers::pass;
};

Gate::Gate(std::uint16_t server_port, std::uint8_t last_byte, std::uint16_t port)
    : server_port_(server_port) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  wake_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sockaddr_in address = loopback(port, last_byte);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 128) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the gate can't listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Gate::~Gate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
  thread_.join();
  ::close(listener_);
  ::close(wake_event_);
}

std::string Gate::url() const {
  return "postgresql://postgres@127.0.0.1:" + std::to_string(port_) + "/postgres?sslmode=disable";
}

void Gate::fall_silent() {
  const std::lock_guard lock(mutex_);
  silent_ = true;
}

void Gate::hold_cancels() {
  const std::lock_guard lock(mutex_);
  hold_cancels_ = true;
}

void Gate::lose_answer_to(std::string text) {
  const std::lock_guard lock(mutex_);
  lose_answer_to_ = std::move(text);
}

void Gate::lose_request(std::string text) {
  const std::lock_guard lock(mutex_);
  lose_request_ = std::move(text);
}

void Gate::open() {
  {
    const std::lock_guard lock(mutex_);
    silent_ = false;
    hold_cancels_ = false;
  }
  wake();
}

void Gate::reset_all() {
  {
    const std::lock_guard lock(mutex_);
    reset_all_ = true;
  }
  wake();
}

void Gate::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(::write(wake_event_, &one, sizeof one) == sizeof one);
}

void Gate::run() {
  std::vector<pollfd> fds;
  for (;;) {
    fds.assign({{listener_, POLLIN, 0}, {wake_event_, POLLIN, 0}});
    for (const Pass& pass : passes_) {
      const auto events = [](bool read, const std::string& pending) {
        return static_cast<short>((read ? POLLIN : 0) | (pending.empty() ? 0 : POLLOUT));
      };
      fds.push_back({pass.client, events(true, pass.to_client), 0});
      fds.push_back({pass.server_ended ? -1 : pass.server, events(true, pass.to_server), 0});
    }
    // Silence keeps what was sent where it is: in the sockets.
    bool quiet = false;
    {
      const std::lock_guard lock(mutex_);
      quiet = silent_;
    }
    ::poll(fds.data(), quiet ? 2 : fds.size(), -1);

    const std::lock_guard lock(mutex_);
    std::uint64_t woken = 0;
    static_cast<void>(::read(wake_event_, &woken, sizeof woken));
    if (stopping_) break;
    std::size_t at = 2;
    for (auto pass = passes_.begin(); pass != passes_.end(); at += 2) {
      bool alive = !reset_all_;
      if (alive && !quiet && !silent_) {
        if (fds[at].revents != 0) read_from_client(*pass);
        if (pass->server >= 0 && fds[at + 1].revents != 0) read_from_server(*pass);
        alive = flush(*pass);
      }
      if (alive) {
        ++pass;
      } else {
        end(*pass);
        pass = passes_.erase(pass);
      }
    }
    reset_all_ = false;
    if ((fds[0].revents & POLLIN) != 0) accept_one();
    connections_ = static_cast<int>(passes_.size());
  }
  for (Pass& pass : passes_) end(pass);
}

void Gate::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  send_at_once(client);
  ++accepted_;
  passes_.push_back({.client = client});
}

void Gate::read_from_client(Pass& pass) {
  const std::size_t before = pass.to_server.size();
  if (!receive(pass.client, pass.to_server)) {
    ::close(std::exchange(pass.client, -1));
    return;
  }
  if (pass.to_server.size() > before && !std::exchange(pass.client_spoke_last, true)) ++turns_;
}

void Gate::read_from_server(Pass& pass) {
  const std::size_t before = pass.to_client.size();
  pass.server_ended = !receive(pass.server, pass.to_client);
  if (pass.to_client.size() > before) pass.client_spoke_last = false;
}

/// Looks at what the client wants to send. False: it is to be reset.
bool Gate::inspect(Pass& pass) {
  if (!pass.inspected && pass.to_server.size() >= code_offset + sizeof(std::uint32_t)) {
    std::uint32_t code = 0;
    std::memcpy(&code, pass.to_server.data() + code_offset, sizeof code);
    pass.is_cancel = ntohl(code) == cancel_request_code;
    pass.inspected = true;
    if (pass.is_cancel) ++cancels_;
    if (pass.is_cancel && hold_cancels_) ++cancels_held_;
  }
  const auto contains = [&](const std::string& text) {
    return !text.empty() && pass.to_server.find(text) != std::string::npos;
  };
  if (contains(lose_request_)) {
    lose_request_.clear();
    return false;
  }
  if (contains(lose_answer_to_)) {
    lose_answer_to_.clear();
    pass.answers = Pass::Answers::lost;
  }
  return true;
}

/// Passes on what it may. False: the connection is over.
bool Gate::flush(Pass& pass) {
  if (!inspect(pass)) return false;
  const bool held = pass.is_cancel && hold_cancels_;
  if (held) return true;
  if (pass.is_cancel && cancels_held_ > 0 && pass.server < 0) --cancels_held_;
  if (pass.server < 0 && pass.inspected) {
    pass.server = connect_to(server_port_);
    if (pass.server < 0) return false;
  }
  if (pass.server >= 0 && !send_some(pass.server, pass.to_server)) return false;
  if (pass.answers == Pass::Answers::lost && (!pass.to_client.empty() || pass.server_ended)) return false;
  if (pass.client < 0 || !send_some(pass.client, pass.to_client)) return false;
  return !(pass.server_ended && pass.to_client.empty());
}

/// Unless the server has ended it, the client sees an RST.
void Gate::end(Pass& pass) {
  const bool in_order = pass.server_ended && pass.answers == Pass::Answers::pass;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  if (pass.client >= 0) {
    if (!in_order) ::setsockopt(pass.client, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::close(pass.client);
  }
  if (pass.server >= 0) ::close(pass.server);
}

}  // namespace copg::test
