// A client of HTTP for tests, on a plain socket: it can also send what no client should.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace copg::test {

struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;
  /// Of a header; empty: it is not there.
  [[nodiscard]] std::string header(std::string_view name) const {
    const std::size_t at = head.find("\r\n" + std::string(name) + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
};

class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_to(address);
  }
  explicit HttpClient(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
    connect_to(address);
  }
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  ~HttpClient() { close(fd_); }

  [[nodiscard]] int fd() const noexcept { return fd_; }
  /// False: the server has closed the connection.
  bool send(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  /// One request and its answer. `headers`: lines that end with "\r\n".
  HttpAnswer get(std::string_view target, std::string_view headers = "Host: localhost\r\n",
                 std::string_view method = "GET") {
    send(std::string(method) + " " + std::string(target) + " HTTP/1.1\r\n" + std::string(headers) + "\r\n");
    return answer(method == "HEAD");
  }
  HttpAnswer answer(bool head = false) {
    HttpAnswer answer;
    answer.head = until("\r\n\r\n");
    if (answer.head.size() < 12) return answer;
    answer.status = std::stoi(answer.head.substr(9, 3));
    const std::string length = answer.header("Content-Length");
    if (!head && !length.empty()) answer.body = exactly(std::stoul(length));
    return answer;
  }
  /// What comes up to the end of `mark`; less if the server closes the connection, or sends nothing for 20 s.
  std::string until(std::string_view mark) {
    std::size_t at = 0;
    while ((at = received_.find(mark)) == std::string::npos) {
      if (!receive()) return std::exchange(received_, {});
    }
    std::string text = received_.substr(0, at + mark.size());
    received_.erase(0, text.size());
    return text;
  }
  /// Whether the server closes the connection, within 20 s.
  bool ends() {
    while (receive()) received_.clear();
    return ended_;
  }

 private:
  template <class Address>
  void connect_to(const Address& address) const {
    const timeval limit{.tv_sec = 20, .tv_usec = 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
    const std::string reason = std::strerror(errno);
    close(fd_);
    throw std::runtime_error("connect: " + reason);
  }
  std::string exactly(std::size_t size) {
    while (received_.size() < size && receive()) continue;
    std::string text = received_.substr(0, size);
    received_.erase(0, text.size());
    return text;
  }
  bool receive() {
    std::array<char, 65536> buffer{};
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size == 0 || (size < 0 && errno != EAGAIN)) ended_ = true;
    if (size <= 0) return false;
    received_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
  }

  const int fd_;
  std::string received_;
  bool ended_ = false;
};

}  // namespace copg::test
