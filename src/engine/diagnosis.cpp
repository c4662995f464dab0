#include "engine/diagnosis.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "engine/state.hpp"

namespace copg::engine {

namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

std::string oldest_lease(const Snapshot& snapshot) {
  if (!snapshot.oldest_lease) return "none";
  return fmt::format("{:.1f} s, taken at {}", seconds(snapshot.time - snapshot.oldest_lease->since),
                     snapshot.oldest_lease->text());
}

/// "app.cpp:41 in thread 'worker' (tid 4711), and at ...", up to a few of them.
std::string places_of(const std::vector<Slot::Tenancy>& leases) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(leases.size(), most); ++i)
    text += (i == 0 ? "" : ", and at ") + leases[i].text();
  if (leases.size() > most) text += fmt::format(", and at {} other places", leases.size() - most);
  return text;
}

/// A caller that has a connection already waits the longer, the more callers do so.
std::string own_leases(const Snapshot& snapshot) {
  const auto& leases = snapshot.leases;
  if (leases.empty()) return {};
  const bool task = leases.front().holder.who.kind == NumberOf::task;
  return fmt::format("; this {} holds {} of the pool's connections itself, taken at {}",
                     task ? "task" : "thread", leases.size(), places_of(leases));
}

/// Connections that their callers have kept while this one waited for all of `waited`, and did not use.
std::string unused_leases(const Snapshot& snapshot, Duration waited) {
  const auto unused = std::ranges::count_if(snapshot.idle_since,
                                            [&](TimePoint since) { return snapshot.time - since >= waited; });
  if (unused == 0) return {};
  const TimePoint longest = *std::ranges::min_element(snapshot.idle_since);
  return fmt::format("; {} of {} connections {} leased but {} nothing{} {:.1f} s, taken at {}", unused,
                     snapshot.stats.pool_max, unused == 1 ? "is" : "are", unused == 1 ? "runs" : "run",
                     unused == 1 ? ", for" : "; the longest for", seconds(snapshot.time - longest),
                     snapshot.longest_idle->text());
}

std::string last_connect_error(const Snapshot& snapshot) {
  if (!snapshot.connect_error) return "none";
  return fmt::format("{} ({:.1f} s ago)", snapshot.connect_error->message,
                     seconds(snapshot.time - snapshot.connect_error_at));
}

}  // namespace

/// Leases on which nothing runs now.
void find_idle(const State& state, Snapshot& snapshot) {
  TimePoint longest = pool::never;
  for (const auto& slot : state.slots) {
    if (slot->tenancy().since == TimePoint{}) continue;
    const auto since = slot->activity.idle_since();
    if (!since) continue;
    snapshot.idle_since.push_back(*since);
    if (*since >= longest) continue;
    longest = *since;
    snapshot.longest_idle = slot->tenancy();
  }
}

Snapshot snapshot_of(State& state) {
  Snapshot snapshot{.time = now(),
                    .stats = state.core->stats(),
                    .opened = state.opened,
                    .closed = state.core->closed(),
                    .oldest_lease = {},
                    .idle_since = {},
                    .longest_idle = {},
                    .connect_error = state.connect_error,
                    .connect_error_at = state.connect_error_at,
                    .outage = {},
                    .leases = {}};
  if (const pool::Outage& outage = state.core->outage(); outage.failures > 0)
    snapshot.outage = snapshot.time - outage.since;
  const Slot::Tenancy* oldest = nullptr;
  for (const auto& slot : state.slots) {
    const Slot::Tenancy& lease = slot->tenancy();
    if (lease.since == TimePoint{}) continue;
    if (oldest == nullptr || lease.since < oldest->since) oldest = &lease;
  }
  if (oldest != nullptr) snapshot.oldest_lease = *oldest;
  find_idle(state, snapshot);
  return snapshot;
}

std::vector<Slot::Tenancy> leases_of(const State& state, pool::HolderId holder) {
  std::vector<Slot::Tenancy> leases;
  if (holder == pool::unknown_holder) return leases;
  for (const auto& slot : state.slots) {
    const Slot::Tenancy& lease = slot->tenancy();
    if (lease.since != TimePoint{} && lease.holder.who.id == holder) leases.push_back(lease);
  }
  return leases;
}

std::vector<Slot::Tenancy> all_leases(const State& state) {
  std::vector<Slot::Tenancy> leases;
  for (const auto& slot : state.slots) {
    if (slot->tenancy().since != TimePoint{}) leases.push_back(slot->tenancy());
  }
  std::ranges::sort(leases, {}, &Slot::Tenancy::since);
  return leases;
}

ErrorInfo no_connection(const Setup& setup, const Snapshot& snapshot, pool::WaitError error, Duration waited,
                        std::uint32_t waiting) {
  PoolStats stats = snapshot.stats;
  stats.requests_waiting = std::max(stats.requests_waiting, waiting);
  ErrorInfo info{.kind = ErrorKind::pool_timeout, .connection_survives = false, .pool = stats};
  switch (error) {
    case pool::WaitError::none:
    case pool::WaitError::timeout:
      info.message = fmt::format(
          "pool '{}' had no connection for {:.3g} s: {}/{} leased, {} available, {} connecting, {} waiting; "
          "oldest lease "
          "{}; last connect error: {}{}{}",
          setup.name, seconds(waited), stats.leased, stats.pool_max, stats.pool_available, stats.connecting,
          stats.requests_waiting, oldest_lease(snapshot), last_connect_error(snapshot),
          unused_leases(snapshot, waited), own_leases(snapshot));
      break;
    case pool::WaitError::deadlock:
      info.kind = ErrorKind::pool_deadlock;
      info.message = fmt::format(
          "pool '{}' is deadlocked: {}/{} leased, each to a caller that waits for another connection, {} "
          "waiting; the connections were taken at {}",
          setup.name, stats.leased, stats.pool_max, stats.requests_waiting, places_of(snapshot.leases));
      info.advice =
          "give a connection back before you ask for another, use the one that you have, or make max_size "
          "larger than the number of callers that hold one";
      break;
    case pool::WaitError::closed:
      info.kind = ErrorKind::pool_closed;
      info.message =
          fmt::format("pool '{}' is {}", setup.name,
                      snapshot.opened || snapshot.closed ? "closed" : "not open yet: open it first");
      break;
    case pool::WaitError::too_many_waiting:
      info.kind = ErrorKind::too_many_requests;
      info.message = fmt::format(
          "pool '{}' has {} requests waiting already (max_waiting), {}/{} leased; oldest lease {}",
          setup.name, stats.requests_waiting, stats.leased, stats.pool_max, oldest_lease(snapshot));
      break;
    case pool::WaitError::connect_failed:
      info = snapshot.connect_error.value_or(ErrorInfo{.kind = ErrorKind::connection_failed});
      info.message = cannot_connect(setup, info);
      if (info.kind == ErrorKind::connection_failed)
        info.message += fmt::format(" (every connect has failed for {:.1f} s)", seconds(snapshot.outage));
      info.pool = stats;
      return info;
    case pool::WaitError::lost:
      info.kind = ErrorKind::connection_failed;
      info.message = fmt::format(
          "the connection of pool '{}' was lost after the statement was sent: it may or may not have run",
          setup.name);
      break;
    case pool::WaitError::turned_away:
      info.kind = ErrorKind::connection_failed;
      info.message = fmt::format("the server of pool '{}' is not to be used at present", setup.name);
      break;
  }
  if (snapshot.connect_error) info.cause = snapshot.connect_error->message;
  return info;
}

std::string cannot_connect(const Setup& setup, const ErrorInfo& error) {
  const Config& config = setup.config;
  // libpq's own words name the server, in its manner: one address or the other, a port or a socket.
  if (error.message.find("connection to server ") != std::string::npos || config.host.empty())
    return fmt::format("pool '{}' can't connect: {}", setup.name, error.message);
  const std::string port = config.port > 0 ? fmt::format(", port {}", config.port) : std::string();
  return fmt::format("pool '{}' can't connect to {}{}: {}", setup.name, config.host, port, error.message);
}

ErrorInfo no_time_left(const Setup& setup, ErrorKind kind, Duration by) {
  return {.kind = kind,
          .message = fmt::format("pool '{}' had no time left for this call, whose deadline passed {:.3g} s "
                                 "before it; nothing was sent",
                                 setup.name, seconds(by))};
}

ErrorInfo lost_waiter_error(const Setup& setup, const PoolStats& stats, Duration waited) {
  return {.kind = ErrorKind::pool_timeout,
          .message = fmt::format(
              "pool '{}' has forgotten a caller that has waited for {:.3g} s: this is a bug of copg, please "
              "report it",
              setup.name, seconds(waited)),
          .connection_survives = false,
          .pool = stats};
}

ErrorInfo unanswered(const Setup& setup, std::string_view sql, const Slot& slot, Duration waited,
                     Duration at_server, const char* phase) {
  at_server = std::min(at_server, waited);
  const Duration before = waited - at_server;
  // The part of it in which that connection was made.
  const Duration since_opened = now() - slot.opening.at;
  const Duration connecting =
      std::clamp(std::min(waited - since_opened, slot.opening.took()), Duration::zero(), before);
  return {.kind = ErrorKind::query_timeout,
          .message = fmt::format("pool '{}' had no answer from the server within {:.3g} s: {:.3f} s in the "
                                 "queue, {:.3f} s connecting, "
                                 "{:.3f} s waiting for the server ({}); the statement is being cancelled",
                                 setup.name, seconds(waited), seconds(before - connecting),
                                 seconds(connecting), seconds(at_server), phase),
          .query = std::string(sql),
          .connection_survives = false};
}

void make_commit_unknown(ErrorInfo& error, Duration waited) {
  error.kind = ErrorKind::commit_unknown;
  error.cause = std::exchange(
      error.message, fmt::format("no answer to the commit within {:.3g} s: it may or may not have happened",
                                 seconds(waited)));
}

ErrorInfo cut_off(const Setup& setup, std::string_view sql) {
  return {.kind = ErrorKind::pool_closed,
          .message = fmt::format("pool '{}' was closed while this connection was leased", setup.name),
          .query = std::string(sql),
          .connection_survives = false};
}

ErrorInfo configure_over_error() {
  return {.kind = ErrorKind::usage,
          .message = "this connection was lent to a function of the pool's options, and has been taken back",
          .connection_survives = false};
}

}  // namespace copg::engine
