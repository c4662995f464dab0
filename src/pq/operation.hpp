// What every exchange with the server has in common: it is advanced when its socket is ready, and never
// waits.
//
// Its caller (threads: an epoll set or ppoll; engine/ and async/: Asio; python/native: a descriptor that
// asyncio's loop watches) calls `advance` with nothing ready, waits for what the step asks, and calls again,
// until done. Deadlines are the caller's. The descriptor may change from step to step.
#pragma once

#include <copg/error.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

#include "pq/errors.hpp"

namespace copg::pq {

/// What a descriptor is ready for, or what to wait for: a set.
enum class Ready : std::uint8_t { none = 0, read = 1, write = 2, read_write = 3 };

[[nodiscard]] constexpr bool includes(Ready set, Ready one) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(one)) != 0;
}

/// What an operation needs next.
struct Step {
  bool done = false;  ///< The operation has ended; `fd` and `wait_for` mean nothing.
  Ready wait_for = Ready::none;
  int fd = -1;  ///< Owned by the operation or its connection; may differ from the last step's.

  static Step finished() { return {.done = true}; }
  static Step wait(int fd, Ready what) { return {.done = false, .wait_for = what, .fd = fd}; }
};

/// One exchange with the server. Not thread-safe. Never blocks or locks; `advance` throws nothing but
/// std::bad_alloc. After `done`, `error()` tells how it went.
class Operation {
 public:
  Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  virtual ~Operation() = default;

  /// Goes on as far as it can without waiting. `ready`: what the last step's descriptor is ready for.
  virtual Step advance(Ready ready) = 0;
  /// The name of the present phase, for a debugger and for error messages.
  [[nodiscard]] virtual const char* phase() const noexcept = 0;

  /// After `done`: what went wrong, or nullptr.
  [[nodiscard]] const ErrorInfo* error() const noexcept { return error_.get(); }
  /// The error, moved out.
  [[nodiscard]] ErrorPtr take_error() noexcept { return std::move(error_); }

 protected:
  Step fail(ErrorPtr error) noexcept {
    error_ = std::move(error);
    return Step::finished();
  }

 private:
  ErrorPtr error_;
};

/// An operation on an established connection that executes a statement.
class StatementOperation : public Operation {
 public:
  /// The statement's text, which the caller keeps until the operation is gone.
  [[nodiscard]] std::string_view sql() const noexcept { return sql_; }
  /// Whether bytes may have been sent, so that nothing may be tried again elsewhere.
  [[nodiscard]] virtual bool first_bytes_sent() const noexcept = 0;
  /// Whether it ends a transaction: if its answer is lost, it is unknown whether that was committed.
  [[nodiscard]] virtual bool commits() const noexcept { return false; }

 protected:
  explicit StatementOperation(std::string_view sql) : sql_(sql) {}

  std::string_view sql_;
};

}  // namespace copg::pq
