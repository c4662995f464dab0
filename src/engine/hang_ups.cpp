// The set is shared with forked children, so a child never adds or removes anything: it closes its
// descriptor.
#include "engine/hang_ups.hpp"

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
  return (set_.is_open() || set_.open()) &&
         set_.watch(socket, os::ReadySet::What::hang_up, packed(connection));
}

void HangUps::remove(int socket) noexcept {
  if (socket >= 0) set_.unwatch(socket);
}

std::size_t HangUps::take(std::span<pool::ConnectionId> connections) noexcept {
  std::array<os::ReadySet::Found, 64> found{};
  const std::size_t count = set_.take(std::span(found).first(std::min(found.size(), connections.size())));
  for (std::size_t i = 0; i < count; ++i) connections[i] = unpacked(found[i].token);
  return count;
}

void HangUps::leave() noexcept { set_.close(); }

}  // namespace copg::engine
