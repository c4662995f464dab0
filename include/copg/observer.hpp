// What a pool tells its observer, for metrics and traces.
#pragma once

#include <copg/close_reason.hpp>
#include <copg/error.hpp>
#include <copg/notice.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// Derive from it and override the hooks that you need; by default a hook does nothing. Hooks run on the
/// thread where the event happened, several at a time, without a lock, so that they may call the pool. They
/// must not throw (std::terminate), and should not block, because a caller or the background waits for them.
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
  /// A connect failed, the first since one succeeded or since the pool was opened. Called once per outage.
  /// The message of `error`, which lives for the call, names the pool and the server.
  virtual void outage_began(const ErrorInfo& error) noexcept;
  /// A connect succeeded again, `duration` after the first of `failures` that failed. Called once per outage.
  virtual void outage_ended(std::chrono::nanoseconds duration, std::uint64_t failures) noexcept;
  /// An open connection was closed. `text` is the server's last message or says how the end was noticed; it
  /// is empty for a healthy connection, and lives for the call.
  virtual void closed(CloseReason reason, std::string_view text) noexcept;
  /// A reset in the background has ended, with success or without, after `reset_time`.
  virtual void reset(std::chrono::nanoseconds reset_time) noexcept;
  /// The server has sent a notice (RAISE NOTICE, a warning) on a leased connection, or on one that is opened,
  /// reset or closed. `notice` lives for the call, during which its connection can't be used.
  virtual void noticed(const Notice& notice) noexcept;
  /// A lease has lasted longer than `leak_after`; `holder` says who took it. Called once per lease. (A pool
  /// without an observer writes a line to stderr.)
  virtual void leaked(std::chrono::nanoseconds age, std::string_view holder) noexcept;
};

}  // namespace copg
#pragma GCC visibility pop
