// The set is shared with forked children, so a child never adds or removes anything: it closes its
// descriptor.
#include "engine/hang_ups.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace copg::engine {

namespace {

std::uint64_t packed(pool::ConnectionId id) { return (std::uint64_t{id.slot} << 32) | id.generation; }

pool::ConnectionId unpacked(std::uint64_t word) {
  return {.slot = static_cast<std::uint32_t>(word >> 32), .generation = static_cast<std::uint32_t>(word)};
}

}  // namespace

bool HangUps::add(int socket, pool::ConnectionId connection) noexcept {
  if (set_ < 0) set_ = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{.events = EPOLLRDHUP | EPOLLET, .data = {.u64 = packed(connection)}};
  return set_ >= 0 && epoll_ctl(set_, EPOLL_CTL_ADD, socket, &event) == 0;
}

void HangUps::remove(int socket) noexcept {
  epoll_event ignored{};
  if (socket >= 0) epoll_ctl(set_, EPOLL_CTL_DEL, socket, &ignored);
}

std::size_t HangUps::take(std::span<pool::ConnectionId> connections) noexcept {
  std::array<epoll_event, 64> events{};
  const auto most = static_cast<int>(std::min(events.size(), connections.size()));
  const int count = epoll_wait(set_, events.data(), most, 0);
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    connections[at] = unpacked(events[at].data.u64);
  }
  return count < 0 ? 0 : static_cast<std::size_t>(count);
}

void HangUps::leave() noexcept {
  if (set_ >= 0) close(set_);
  set_ = -1;
}

}  // namespace copg::engine
