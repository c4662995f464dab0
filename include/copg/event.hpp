// What happens in a pool, as its observers are told of it: one struct for each event. More fields may come.
//
// Text and what is pointed to live for the call of the hook.
#pragma once

#include <copg/close_reason.hpp>
#include <copg/error.hpp>
#include <copg/notice.hpp>
#include <copg/oid.hpp>

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace copg {
namespace event {

/// What all events have: where they happened.
struct Event {
  std::string_view pool{};       ///< The pool's name.
  std::uint64_t connection = 0;  ///< The connection's number in this pool, counted from 1; 0: there is none.
  int backend_pid = 0;           ///< The server's process of the connection; 0: there is none.
};

/// A connection was leased.
struct Acquired : Event {
  std::chrono::nanoseconds wait{};  ///< How long the request waited for it; 0 when one was idle.
};

/// A request ended without a connection.
struct AcquireFailed : Event {
  std::chrono::nanoseconds wait{};
  ErrorKind kind{};  ///< pool_timeout, pool_closed, too_many_requests, connection_failed, ...
};

/// A request waited longer than `slow_acquire`, and got a connection.
struct SlowAcquire : Event {
  std::chrono::nanoseconds wait{};
  std::string holder{};  ///< Who waited, and where: "app.cpp:41 in thread 'worker' (tid 4711)".
};

/// A lease ended. Exactly one for each Acquired, also where the connection was found dead before it was used,
/// and exchanged, or where `close` has cut the lease off.
struct Released : Event {
  std::chrono::nanoseconds usage{};  ///< How long the connection was leased.
};

/// A lease has lasted longer than `leak_after`.
struct Leaked : Event {
  std::chrono::nanoseconds age{};
  std::string holder{};  ///< Who took it, and where.
};

/// Nothing has run on a lease for `held_idle_after`.
struct HeldIdle : Event {
  std::chrono::nanoseconds idle{};  ///< Since the last call on it ended, or since it began.
  std::string holder{};             ///< Who took it, and where.
};

/// A connection was opened.
struct Opened : Event {
  std::chrono::nanoseconds connect_time{};  ///< All of it together: the three below.
  std::chrono::nanoseconds credentials{};   ///< `credentials`; 0 where it was not asked.
  std::chrono::nanoseconds connect{};       ///< The name's resolution, TCP, TLS and authentication.
  std::chrono::nanoseconds configure{};     ///< `configure`; 0 where there is none.
};

/// Something about the pool's options that its user should know, each of these once:
/// - The pool can't have as many connections as max_size says: what the server, the role or the database
///   allows, less what others have, is fewer. Found out with the first connection; never behind a pooler.
/// - A pooler stands in between, so that `prepare` = automatic prepares nothing.
struct Warned : Event {
  std::string_view text{};  ///< Without the pool's name.
};

/// A connect failed.
struct OpenFailed : Event {
  const ErrorInfo& error;
};

/// A connect failed, the first since one succeeded or since the pool was opened.
struct OutageBegan : Event {
  const ErrorInfo& error;  ///< Its message names the pool and the server.
};

/// A connect succeeded again.
struct OutageEnded : Event {
  std::chrono::nanoseconds duration{};  ///< Since the first that failed.
  std::uint64_t failures = 0;           ///< Connects that failed.
};

/// An open connection was closed.
struct Closed : Event {
  CloseReason reason{};
  /// The server's last message, such as "FATAL: terminating connection due to administrator command", or how
  /// the end was noticed; empty for a healthy connection.
  std::string_view text{};
  std::chrono::nanoseconds age{};  ///< Since it was opened.
};

/// A reset in the background has ended, with success or without.
struct Reset : Event {
  std::chrono::nanoseconds reset_time{};
};

/// The server has sent a notice (RAISE NOTICE, a warning) on a leased connection, or on one that is opened,
/// reset or closed.
struct Noticed : Event {
  const Notice& notice;
};

/// A listener misses notifications: the gap that it finds among them begins.
struct Gap : Event {
  bool reconnected = false;  ///< The connection that listens was replaced; else the listener's queue is full.
  std::vector<std::string> channels{};  ///< The listener's.
};

/// What a call asks of the server.
enum class Verb : std::uint8_t {
  execute,       ///< One statement, or several in one text.
  execute_many,  ///< One statement for many rows of parameters.
  execute_all,   ///< A pipeline that is one transaction.
  pipeline,      ///< A pipeline of which each statement stands for itself.
  stream,        ///< The next chunk of a stream.
  copy,          ///< A COPY, or a step of one that stays open between calls.
  commit,
  rollback,
};
[[nodiscard]] std::string_view to_string(Verb verb) noexcept;

/// A call begins, on the thread or event loop of its caller. It has no connection yet, unless it uses one
/// that was leased before.
struct StatementBegan : Event {
  Verb verb{};
  std::string_view text{};       ///< Of a pipeline the first statement's.
  std::span<const Oid> types{};  ///< Of its parameters, 0: the server chooses. Empty for all but `execute`.
  std::size_t statements = 1;    ///< How many a pipeline has.
};

/// The call has ended. Exactly one for each StatementBegan.
struct StatementEnded : Event {
  Verb verb{};
  std::string_view text{};
  std::size_t statements = 1;
  std::chrono::nanoseconds wait{};  ///< Until it had a connection, or, shared, until it was sent.
  std::chrono::nanoseconds took{};  ///< From then to its end.
  std::int64_t rows = 0;            ///< Rows returned, or affected where none are returned.
  bool shared = false;     ///< It travelled over a connection together with other callers' statements.
  bool abandoned = false;  ///< Its caller gave it up, by cancellation or an exception of its own.
  const ErrorInfo* error = nullptr;  ///< nullptr: it succeeded, or was abandoned. Of a pipeline the first.
};

/// A statement took longer than `slow_statement`, with success or without.
struct SlowStatement : Event {
  std::string text{};   ///< On one line, cut after 100 characters.
  std::string where{};  ///< The line of the program that took its connection.
  std::chrono::nanoseconds wait{};
  std::chrono::nanoseconds took{};
  std::int64_t rows = 0;
  const ErrorInfo* error = nullptr;
};

}  // namespace event
}  // namespace copg
#pragma GCC visibility pop
