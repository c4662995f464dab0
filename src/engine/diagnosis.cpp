// What PoolEngine tells a caller who gets nothing: how long, how full, who holds on, and what the server
// said.
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "engine/lease_call.hpp"
#include "engine/pool_engine.hpp"

namespace copg::engine {

namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

ErrorInfo PoolEngine::why(pool::WaitError error, Duration waited, std::uint32_t waiting) {
  PoolStats stats = core_->stats();
  stats.requests_waiting = std::max(stats.requests_waiting, waiting);
  const TimePoint time = now();
  ErrorInfo info{.kind = ErrorKind::pool_timeout, .connection_survives = false, .pool = stats};
  switch (error) {
    case pool::WaitError::none:
    case pool::WaitError::timeout:
      info.message = fmt::format(
          "pool '{}' had no connection for {:.3g} s: {}/{} leased, {} available, {} connecting, {} waiting; "
          "oldest lease "
          "{}; last connect error: {}",
          name_, seconds(waited), stats.leased, stats.pool_max, stats.pool_available, stats.connecting,
          stats.requests_waiting, oldest_lease(time), last_connect_error(time));
      break;
    case pool::WaitError::closed:
      info.kind = ErrorKind::pool_closed;
      info.message = fmt::format("pool '{}' is {}", name_,
                                 opened_ || core_->closed() ? "closed" : "not open yet: open it first");
      break;
    case pool::WaitError::too_many_waiting:
      info.kind = ErrorKind::too_many_requests;
      info.message = fmt::format(
          "pool '{}' has {} requests waiting already (max_waiting), {}/{} leased; oldest lease {}", name_,
          stats.requests_waiting, stats.leased, stats.pool_max, oldest_lease(time));
      break;
    case pool::WaitError::connect_failed:
      info = connect_error_.value_or(ErrorInfo{.kind = ErrorKind::connection_failed});
      info.message = cannot_connect(info);
      info.pool = stats;
      return info;
    case pool::WaitError::lost:
      info.kind = ErrorKind::connection_failed;
      info.message = fmt::format(
          "the connection of pool '{}' was lost after the statement was sent: it may or may not have run",
          name_);
      break;
  }
  if (connect_error_) info.cause = connect_error_->message;
  return info;
}

std::string PoolEngine::cannot_connect(const ErrorInfo& error) const {
  // libpq's own words name the server, in its manner: one address or the other, a port or a socket.
  if (error.message.find("connection to server ") != std::string::npos || config_.host.empty())
    return fmt::format("pool '{}' can't connect: {}", name_, error.message);
  const std::string port = config_.port > 0 ? fmt::format(", port {}", config_.port) : std::string();
  return fmt::format("pool '{}' can't connect to {}{}: {}", name_, config_.host, port, error.message);
}

std::string PoolEngine::oldest_lease(TimePoint time) const {
  const Slot* oldest = nullptr;
  for (const auto& slot : slots_) {
    if (slot->leased_since == TimePoint{}) continue;
    if (oldest == nullptr || slot->leased_since < oldest->leased_since) oldest = slot.get();
  }
  if (oldest == nullptr) return "none";
  return fmt::format("{:.1f} s, taken at {}", seconds(time - oldest->leased_since), oldest->holder.text());
}

std::string PoolEngine::last_connect_error(TimePoint time) const {
  if (!connect_error_) return "none";
  return fmt::format("{} ({:.1f} s ago)", connect_error_->message, seconds(time - connect_error_at_));
}

std::string PoolEngine::to_string(std::string_view face) {
  const PoolStats now = stats();
  return fmt::format("{}('{}', size={}/{})", face, name_, now.pool_size, now.pool_max);
}

ErrorInfo PoolEngine::cut_off(std::string_view sql) const {
  return {.kind = ErrorKind::pool_closed,
          .message = fmt::format("pool '{}' was closed while this connection was leased", name_),
          .query = std::string(sql),
          .connection_survives = false};
}

ErrorInfo PoolEngine::taken_back() {
  return {.kind = ErrorKind::usage,
          .message = "this connection was lent to configure, and has been taken back",
          .connection_survives = false};
}

ErrorInfo PoolEngine::forgotten(Duration waited) {
  return {
      .kind = ErrorKind::pool_timeout,
      .message = fmt::format("pool '{}' has forgotten who waits, for {:.3g} s: this is a bug of copg, please "
                             "report it",
                             name_, seconds(waited)),
      .connection_survives = false,
      .pool = core_->stats()};
}

/// `waited` ends now, as does `at_server`. The slot is that of the connection which the statement went to.
ErrorInfo PoolEngine::unanswered(std::string_view sql, const Slot& slot, Duration waited, Duration at_server,
                                 const char* phase) const {
  at_server = std::min(at_server, waited);
  const Duration before = waited - at_server;
  // The part of it in which that connection was made.
  const Duration since_opened = now() - slot.opened_at;
  const Duration connecting =
      std::clamp(std::min(waited - since_opened, slot.open_took), Duration::zero(), before);
  return {.kind = ErrorKind::query_timeout,
          .message = fmt::format("pool '{}' had no answer from the server within {:.3g} s: {:.3f} s in the "
                                 "queue, {:.3f} s connecting, "
                                 "{:.3f} s waiting for the server ({}); the statement is being cancelled",
                                 name_, seconds(waited), seconds(before - connecting), seconds(connecting),
                                 seconds(at_server), phase),
          .query = std::string(sql),
          .connection_survives = false};
}

ErrorInfo PoolEngine::undone(const LeaseCall& call, bool cut, Duration waited) {
  if (cut && is_loan(call.lease())) return taken_back();
  const pq::StatementOperation* const statement = call.statement();
  if (statement == nullptr && !cut) {  // its connection was dead, and it waits for another
    const Lock lock = lock_here();
    return why(pool::WaitError::timeout, waited, 1);
  }
  ErrorInfo info =
      cut ? cut_off(call.sql())
          : unanswered(call.sql(), *call.lease().slot, waited, now() - call.entered_at(), statement->phase());
  if (statement != nullptr && statement->commits()) {
    info.kind = ErrorKind::commit_unknown;
    info.cause = std::exchange(
        info.message, fmt::format("no answer to the commit within {:.3g} s: it may or may not have happened",
                                  seconds(waited)));
  }
  return info;
}

void PoolEngine::report_leaks(TimePoint time) {
  if (!options_.leak_after) return;
  const Duration limit = duration_of(*options_.leak_after);
  std::vector<std::pair<Duration, std::string>> leaks;
  {
    const Lock lock(mutex_);
    for (auto& slot : slots_) {
      if (slot->leased_since == TimePoint{} || slot->leak_reported || time - slot->leased_since < limit)
        continue;
      slot->leak_reported = true;
      leaks.emplace_back(time - slot->leased_since, slot->holder.text());
    }
  }
  for (const auto& [age, holder] : leaks) {
    if (options_.observer) {
      options_.observer->leaked(age, holder);
    } else {  // leak_after asks for a report, and there is nobody else to give it to
      fmt::print(stderr, "copg: pool '{}': a connection has been leased for {:.1f} s, taken at {}\n", name_,
                 seconds(age), holder);
    }
  }
}

}  // namespace copg::engine
