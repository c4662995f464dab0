// The vocabulary of the cluster: hosts, what is known of them, what a request asks for, and what the cluster
// answers. Plain values.
#pragma once

#include <cstdint>

#include "pool/types.hpp"

namespace copg::cluster {

using pool::Duration;
using pool::forever;
using pool::never;
using pool::TimePoint;
using pool::WaiterId;

/// An address, as its driver numbers it: the cluster knows no names. Equal keys are the same address.
using HostKey = std::uint64_t;

/// A position in the write-ahead log (pg_lsn), in bytes.
using Lsn = std::uint64_t;

/// A host: its place in the table, and how many hosts that place had before. A stale id is recognised.
struct HostId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;  ///< 0 names no host.
  friend bool operator==(const HostId&, const HostId&) = default;
};

/// What a request needs.
enum class Role : std::uint8_t {
  primary,  ///< The host that takes writes.
  replica,  ///< A host that repeats the primary's writes.
  any,      ///< Either, the nearest.
};

/// What becomes of a request for a replica while none is fit for it.
enum class IfUnfit : std::uint8_t {
  wait,     ///< It waits until its deadline.
  primary,  ///< It goes to the primary, once its patience is over.
  fail,     ///< It fails, once its patience is over.
};

/// What a write leaves behind, so that a read can see it: the position up to which a host must have replayed.
struct Token {
  std::uint64_t system = 0;    ///< The system identifier of the cluster that wrote.
  std::uint32_t timeline = 0;  ///< On which it wrote; 0: there is no token.
  Lsn position = 0;            ///< The end of the write.
  friend bool operator==(const Token&, const Token&) = default;
};

struct Request {
  Role role = Role::primary;
  IfUnfit if_unfit = IfUnfit::wait;  ///< Of Role::replica; other requests wait.
  TimePoint patience{};        ///< Until when IfUnfit::primary and IfUnfit::fail wait; past: not at all.
  TimePoint deadline{};        ///< When the request stops waiting.
  Duration max_lag = forever;  ///< How old the data of a replica may be. 0 or more.
  std::uint64_t max_lag_bytes = UINT64_MAX;  ///< How far a replica may be behind what the primary wrote.
  Token token{};                             ///< What the host must have replayed.
  friend bool operator==(const Request&, const Request&) = default;
};

/// What a server said of itself in the answer to a probe.
struct Observation {
  bool primary = false;        ///< It is not in recovery.
  std::uint64_t system = 0;    ///< Its system identifier; not 0.
  std::uint64_t instance = 0;  ///< Of this start of the server: the time of the start, in microseconds.
  std::uint32_t timeline = 0;  ///< The one it writes or replays; at least 1.
  Lsn position = 0;            ///< How far it has written; of a replica: how far it has replayed.
  Duration lag{};  ///< How old a replica's data were, as it judges itself. `forever`: it can't say.
  friend bool operator==(const Observation&, const Observation&) = default;
};

/// What the cluster holds a host to be, by what it last answered. Whether it answers at all is another
/// question.
enum class Verdict : std::uint8_t {
  unknown,  ///< It has never answered.
  primary,  ///< It takes writes, on the newest timeline.
  replica,
  fenced,   ///< It would take writes, and must not: its timeline is old, or another claims the same.
  foreign,  ///< It belongs to another system, or it is not known which system is meant.
};

/// Why the connections to a host must not be used any more. A greater one goes before a smaller one.
enum class EpochEnd : std::uint8_t {
  none,
  restarted,  ///< The server has been started again.
  demoted,    ///< It was a primary, and is a replica.
  fenced,     ///< See Verdict::fenced.
  foreign,    ///< It is another system than it was, or than the others are.
  left,       ///< It is not in the list of hosts any more: its pool is closed. Its id is stale.
};

/// Why a request gets no host.
enum class WaitError : std::uint8_t {
  none,
  timeout,        ///< Its deadline passed.
  no_replica,     ///< No replica was fit for it, and it was not to wait any longer (IfUnfit::fail).
  foreign_token,  ///< Its token is of another system.
  closed,         ///< The cluster was closed.
};

/// What a log, or an observer, wants to know.
enum class Report : std::uint8_t {
  primary_found,  ///< There is a primary, which was not the last one: `host`.
  primary_lost,   ///< There is none any more, for all that is known.
  disputed,       ///< Two hosts claim to be the primary, and nothing tells which is right: none is served.
  settled,        ///< The dispute is over.
};

struct ClusterOptions {
  Duration probe_period = std::chrono::seconds(1);  ///< Between two probes of a host, while all is well.
  Duration search_period = std::chrono::milliseconds(50);  ///< The same while there is no primary to serve.
  Duration probe_gap = std::chrono::milliseconds(10);      ///< The same at least. Above 0.
  Duration probe_timeout = std::chrono::seconds(1);        ///< A probe that takes longer has failed. Above 0.
  /// After the first failure a host that is down is asked again, with jitter, after this time, ...
  Duration first_backoff = std::chrono::milliseconds(50);
  Duration longest_backoff = std::chrono::seconds(5);  ///< ... then after longer ones, up to this one, ...
  Duration longest_search_backoff = std::chrono::milliseconds(250);  ///< ... or this, while none is served.
  std::uint32_t max_leases = 0;                                      ///< Over all hosts; 0: no limit.
  std::uint64_t system = 0;  ///< The system identifier that is meant; 0: that of the first primary.
  std::uint64_t seed = 1;    ///< Of the jitter.
};

enum class ActionKind : std::uint8_t {
  probe,      ///< Ask `host` what it is; answer with on_probed or on_probe_failed, and `probe`.
  grant,      ///< `waiter` has `host`: a lease, to be ended with `release` or `reacquire`.
  fail,       ///< `waiter` gets none, for the reason in `error`.
  end_epoch,  ///< The pool of `host` must close its connections, for the reason in `end`.
  report,     ///< `report` has happened.
};

struct Action {
  ActionKind kind = ActionKind::probe;
  HostId host{};
  HostKey key = 0;           ///< of `host`
  std::uint32_t probe = 0;   ///< of probe: its number
  WaiterId waiter{};         ///< of grant, fail: stale from now on
  std::uint64_t ticket = 0;  ///< of grant: the place in the order, for `reacquire`
  WaitError error = WaitError::none;
  EpochEnd end = EpochEnd::none;
  Report report = Report::primary_found;
  friend bool operator==(const Action&, const Action&) = default;
};

/// The answer to an acquire.
struct Acquired {
  enum class Kind : std::uint8_t {
    granted,   ///< `host` is leased to the caller.
    queued,    ///< `waiter` waits; a grant or fail action will name it.
    rejected,  ///< `error` says why.
  };
  Kind kind = Kind::rejected;
  HostId host{};
  WaiterId waiter{};
  std::uint64_t ticket = 0;  ///< The place in the order, for `reacquire`.
  WaitError error = WaitError::none;
};

}  // namespace copg::cluster
