// The errors of calls that get no connection or no answer: how long they waited, how full the pool is, who
// holds its connections, and what the server said.
#pragma once

#include <copg/error.hpp>
#include <copg/pool_stats.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/clock.hpp"
#include "engine/setup.hpp"
#include "engine/slot.hpp"
#include "pool/types.hpp"

namespace copg::engine {

/// What a pool looked like at one moment.
struct Snapshot {
  TimePoint time{};
  PoolStats stats;
  bool opened = false;
  bool closed = false;
  std::optional<Slot::Tenancy> oldest_lease;
  std::vector<TimePoint> idle_since;  // of the leases that run nothing: since when
  std::optional<Slot::Tenancy> longest_idle;
  std::optional<ErrorInfo> connect_error;
  TimePoint connect_error_at{};
  Duration outage{};                  // for how long no connect has succeeded
  std::vector<Slot::Tenancy> leases;  // of the caller; if there is a deadlock: all
};
/// Without the leases.
[[nodiscard]] Snapshot snapshot_of(State& state);
/// Those of one holder. None if it is not known.
[[nodiscard]] std::vector<Slot::Tenancy> leases_of(const State& state, pool::HolderId holder);
[[nodiscard]] std::vector<Slot::Tenancy> all_leases(const State& state);

/// Why there was no connection after a wait of `waited`. `waiting`: how many had waited, if that is more than
/// wait now.
[[nodiscard]] ErrorInfo no_connection(const Setup& setup, const Snapshot& snapshot, pool::WaitError error,
                                      Duration waited, std::uint32_t waiting);
/// The connect error and its server.
[[nodiscard]] std::string cannot_connect(const Setup& setup, const ErrorInfo& error);
/// The deadline of a call had passed, by so much, before it began.
[[nodiscard]] ErrorInfo no_time_left(const Setup& setup, ErrorKind kind, Duration by);
/// The pool does not know of a caller that waits.
[[nodiscard]] ErrorInfo lost_waiter_error(const Setup& setup, const PoolStats& stats, Duration waited);
/// The server did not answer a statement on this connection, up to now.
[[nodiscard]] ErrorInfo unanswered(const Setup& setup, std::string_view sql, const Slot& slot,
                                   Duration waited, Duration at_server, const char* phase);
/// Turns `error` into one that says that the answer to a commit is lost, after a wait of `waited`.
void make_commit_unknown(ErrorInfo& error, Duration waited);
/// `close` has cut off a lease.
[[nodiscard]] ErrorInfo cut_off(const Setup& setup, std::string_view sql);
/// A loan has ended, because the time for the function is over.
[[nodiscard]] ErrorInfo configure_over_error();

}  // namespace copg::engine
