// See loopback_port.hpp.
#include "testing/loopback_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <random>
#include <stdexcept>

namespace copg::testing {

std::uint16_t free_loopback_port() {
  constexpr int port_attempts = 20;
  std::random_device random;
  std::uniform_int_distribution<int> range(10'000, 32'767);
  for (int attempt = 0; attempt < port_attempts; ++attempt) {
    const auto port = static_cast<std::uint16_t>(range(random));
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);  // NOLINT
    ::close(fd);
    if (bound == 0) return port;
  }
  throw std::runtime_error("found no free loopback port");
}

}  // namespace copg::testing
