// The words of the log, once for all faces.
#include <copg/log_observer.hpp>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <utility>

namespace copg {

namespace {

/// "1.3 s", "20 ms"
std::string shown(std::chrono::nanoseconds time) {
  const double seconds = std::chrono::duration<double>(time).count();
  return seconds < 1 ? fmt::format("{:.0f} ms", seconds * 1000) : fmt::format("{:.1f} s", seconds);
}

std::string named(const event::Event& at) {
  return fmt::format("connection {} (backend {})", at.connection, at.backend_pid);
}

/// Whether the connection was lost, rather than closed. Of those that go along with a lost one (stale_epoch)
/// there may be many, and one line is enough.
bool is_lost(const event::Closed& event) noexcept {
  return event.reason == CloseReason::broken || event.reason == CloseReason::demoted ||
         (event.reason == CloseReason::discarded && !event.text.empty());
}

void write_to_stderr(const LogLine& line) {
  fmt::print(stderr, "copg: {}: {}\n", to_string(line.level), line.text);
}

}  // namespace

std::string_view to_string(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug: return "debug";
    case LogLevel::warning: return "warning";
  }
  return "unknown";
}

LogObserver::LogObserver(LogLevel least, Write write)
    : least_(least), write_(write ? std::move(write) : Write(write_to_stderr)) {}

LogObserver::~LogObserver() = default;

bool LogObserver::wants(Hook hook) const noexcept {
  switch (hook) {
    case Hook::opened: return least_ <= LogLevel::debug;
    case Hook::outage_began:
    case Hook::outage_ended:
    case Hook::closed:
    case Hook::leaked:
    case Hook::held_idle:
    case Hook::slow_acquire:
    case Hook::slow_statement:
    case Hook::gap:
    case Hook::warned: return true;
    case Hook::acquired:
    case Hook::acquire_failed:
    case Hook::released:
    case Hook::open_failed:
    case Hook::reset:
    case Hook::noticed:
    case Hook::statement_began:
    case Hook::statement_ended: return false;
  }
  return false;
}

template <class Text>
void LogObserver::log(LogLevel level, std::string_view name, const event::Event& at,
                      std::chrono::nanoseconds duration, Text text) noexcept {
  if (level < least_) return;
  write_({level, name, fmt::format("pool '{}': {}", at.pool, text()), at, duration});
}

void LogObserver::outage_began(const event::OutageBegan& event) noexcept {
  write_({LogLevel::warning, "outage_began", event.error.message, event, {}});
}

void LogObserver::outage_ended(const event::OutageEnded& event) noexcept {
  log(LogLevel::warning, "outage_ended", event, event.duration, [&] {
    return fmt::format("connecting works again, after {} and {} failed connect{}", shown(event.duration),
                       event.failures, event.failures == 1 ? "" : "s");
  });
}

void LogObserver::opened(const event::Opened& event) noexcept {
  log(LogLevel::debug, "opened", event, event.connect_time,
      [&] { return fmt::format("{} was opened in {}", named(event), shown(event.connect_time)); });
}

void LogObserver::closed(const event::Closed& event) noexcept {
  const bool lost = is_lost(event);
  log(lost ? LogLevel::warning : LogLevel::debug, "closed", event, event.age, [&] {
    return fmt::format("{} was {} after {} ({}){}{}", named(event), lost ? "lost" : "closed",
                       shown(event.age), to_string(event.reason), event.text.empty() ? "" : ": ", event.text);
  });
}

void LogObserver::leaked(const event::Leaked& event) noexcept {
  log(LogLevel::warning, "leaked", event, event.age, [&] {
    return fmt::format("a connection has been leased for {}, taken at {}", shown(event.age), event.holder);
  });
}

void LogObserver::held_idle(const event::HeldIdle& event) noexcept {
  log(LogLevel::warning, "held_idle", event, event.idle, [&] {
    return fmt::format("a connection has been leased without use for {}, taken at {}", shown(event.idle),
                       event.holder);
  });
}

void LogObserver::slow_acquire(const event::SlowAcquire& event) noexcept {
  log(LogLevel::warning, "slow_acquire", event, event.wait, [&] {
    return fmt::format("a request has waited {} for its connection, at {}", shown(event.wait), event.holder);
  });
}

void LogObserver::slow_statement(const event::SlowStatement& event) noexcept {
  log(LogLevel::warning, "slow_statement", event, event.took, [&] {
    const std::string end = event.error == nullptr
                                ? fmt::format("{} row{}", event.rows, event.rows == 1 ? "" : "s")
                                : fmt::format("failed{}{}", event.error->sqlstate.empty() ? "" : " with ",
                                              event.error->sqlstate.text());
    return fmt::format("a statement took {} ({}){}{}: {}", shown(event.took), end,
                       event.where.empty() ? "" : ", on a connection taken at ", event.where, event.text);
  });
}

void LogObserver::warned(const event::Warned& event) noexcept {
  log(LogLevel::warning, "warned", event, {}, [&] { return std::string(event.text); });
}

void LogObserver::gap(const event::Gap& event) noexcept {
  log(LogLevel::warning, "gap", event, {}, [&] {
    return fmt::format("a listener to {} misses notifications: {}", fmt::join(event.channels, ", "),
                       event.reconnected ? "its connection was replaced" : "its queue is full");
  });
}

}  // namespace copg
