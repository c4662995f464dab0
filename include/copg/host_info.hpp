// What a pool of several hosts knows of one of them.
#pragma once

#include <copg/pool_options.hpp>
#include <copg/pool_stats.hpp>
#include <copg/pool_view.hpp>

#include <cstdint>
#include <optional>
#include <string>

#pragma GCC visibility push(default)
namespace copg {

/// What a host is, by its last answer.
enum class HostState : std::uint8_t {
  unknown,  ///< It has not answered yet.
  primary,  ///< It takes writes.
  replica,  ///< It can be read.
  fenced,   ///< It would take writes, but another was promoted, or claims the same: it gets no calls.
  foreign,  ///< It belongs to another database system than is meant: it gets no calls.
};

/// One host, at the moment of PooledDatabase::hosts. A value.
struct HostInfo {
  std::string address;  ///< "127.0.0.1:5432", "[::1]:5432", or a socket's folder and port.
  HostState state = HostState::unknown;
  bool reachable = false;  ///< It has answered the last question. What follows is of its last answer.
  /// Something has gone wrong there since: it gets no calls until it has answered again.
  bool doubted = false;
  std::uint64_t system = 0;    ///< Its system identifier; 0: it has not answered yet.
  std::uint32_t timeline = 0;  ///< Which it writes or replays.
  std::uint64_t position = 0;  ///< How far it has written, or replayed, in bytes, as pg_lsn.
  /// Of a replica: its data are at most so old now; nothing: it can't say.
  std::optional<Seconds> lag{};
  Seconds latency{0};   ///< Of its answers, smoothed.
  std::string error{};  ///< Why it has not answered the last question; empty: it has.
  PoolStats stats{};    ///< Of its connections.
  PoolView view;        ///< Of its pool, for Monitor::add.
};

}  // namespace copg
#pragma GCC visibility pop
