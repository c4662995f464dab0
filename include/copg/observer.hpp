// What a pool tells its observer: the place to hang metrics and traces on.
#pragma once

#include <copg/close_reason.hpp>
#include <copg/error.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Derive from it and override what is of interest; each hook does nothing by default. Hooks are called on
/// whatever thread the event happened on, several at a time, without a lock held: they may call the pool.
/// They must not throw (std::terminate), and should not block: a caller or the pool's background work waits
/// for them.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  virtual ~Observer();

  /// A connection was leased; the request waited `wait` for it (0 when one was idle).
  virtual void acquired(std::chrono::nanoseconds wait) noexcept;
  /// A request ended without a connection after `wait`: timeout, closed, too many waiting, failed connect.
  virtual void acquire_failed(ErrorKind kind, std::chrono::nanoseconds wait) noexcept;
  /// A lease ended after `usage`.
  virtual void released(std::chrono::nanoseconds usage) noexcept;
  /// A connection was opened, which took `connect_time`.
  virtual void opened(std::chrono::nanoseconds connect_time) noexcept;
  /// A connect failed. `error` lives for the call.
  virtual void open_failed(const ErrorInfo& error) noexcept;
  /// Connecting fails: for the first time since a connect has succeeded, or since the pool was opened. Once
  /// per outage. The message of `error` names the pool and the server; it lives for the call.
  virtual void outage_began(const ErrorInfo& error) noexcept;
  /// A connect has succeeded again, `duration` after the first that failed; `failures` have failed. Once per
  /// outage.
  virtual void outage_ended(std::chrono::nanoseconds duration, std::uint64_t failures) noexcept;
  /// A connection that had been opened was closed. `text`: the server's last words, or what was noticed of
  /// its end; empty for one that was well; lives for the call.
  virtual void closed(CloseReason reason, std::string_view text) noexcept;
  /// A session was wiped in the background, which took `reset_time`.
  virtual void reset(std::chrono::nanoseconds reset_time) noexcept;
  /// A lease has lasted longer than `leak_after`; `holder` says who took it. Once per lease. (In a pool
  /// without an observer, a line on stderr says it.)
  virtual void leaked(std::chrono::nanoseconds age, std::string_view holder) noexcept;
};

}  // namespace copg
#pragma GCC visibility pop
