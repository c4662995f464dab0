// The whole truth about a cluster of servers, as a state machine: which hosts there are, what each was last
// seen to be, which of them a request goes to, when which is probed, and whose connections must end.
//
// It knows no socket, thread, clock, name or pool, and allocates only in its constructor, `set_hosts` and
// `reserve_waiters`. For one thread at a time. After every command and input the caller takes the actions
// with `poll_action` until there is none, before the next one; and it calls `tick` when `next_deadline`
// comes. Time that runs backwards is taken as standing still.
//
// How it is to be driven, and what counts as evidence: docs/adr/0071-a-cluster-is-logic-that-is-driven.md.
// What must hold: docs/reference/invariants.md, C1 to C16; sim/cluster checks it after every input.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "cluster/host.hpp"
#include "cluster/types.hpp"
#include "cluster/waiters.hpp"

namespace copg::cluster {

class Cluster {
 public:
  static constexpr std::uint32_t most_hosts = 64;

  /// `options` must be in range (an invariant). There is no host before `set_hosts`.
  Cluster(const ClusterOptions& options, TimePoint now);

  // Getters.
  /// When `tick` must be called next; after a tick this is later than the tick's `now`.
  [[nodiscard]] TimePoint next_deadline() const;
  [[nodiscard]] std::optional<HostId> find(HostKey key) const;
  /// What is known of a host; nullptr for a stale id.
  [[nodiscard]] const Host* host(HostId host) const;
  /// The one primary of the newest timeline that answers, whether or not it is served right now.
  [[nodiscard]] std::optional<HostId> primary() const;
  /// Whether a request for the primary would be served at once: there is one, nothing speaks against it, and
  /// the cluster is not suspended.
  [[nodiscard]] bool serves_primary() const;
  [[nodiscard]] bool disputed() const { return disputed_; }
  [[nodiscard]] bool suspended() const { return suspended_; }
  [[nodiscard]] bool closed() const { return closed_; }
  /// The system identifier that is meant, and the newest timeline of it that any host was seen on; 0: not
  /// known.
  [[nodiscard]] std::uint64_t system() const { return system_; }
  [[nodiscard]] std::uint32_t newest_timeline() const { return newest_; }
  [[nodiscard]] std::uint32_t waiting() const { return waiters_.waiting(); }
  [[nodiscard]] std::uint32_t leases() const { return leases_; }
  /// Free places for waiters: `acquire` and `reacquire` must not be called while this is 0 (an invariant).
  [[nodiscard]] std::uint32_t free_waiters() const { return waiters_.free(); }

  // Commands.
  void reserve_waiters(std::uint32_t count) { waiters_.reserve(count); }
  /// The hosts there are from now on. A new one is probed at once, and the epoch of one that has gone ends;
  /// its leases live on until they are released. Allocates. All actions must have been taken (an invariant).
  /// False: there are more than most_hosts, and the last ones are left out.
  bool set_hosts(TimePoint now, std::span<const HostKey> keys);
  /// Asks for a host. If the deadline has passed, one that is fit is still granted. O(hosts).
  Acquired acquire(TimePoint now, const Request& request);
  /// Gives up a host where nothing was sent, and asks for another in the old place of the order.
  Acquired reacquire(TimePoint now, HostId host, const Request& request, std::uint64_t ticket);
  /// False: the waiter does not wait any more; an action has named it, or will.
  bool cancel(TimePoint now, WaiterId waiter);
  /// A lease has ended; also of a host that has left the list.
  void release(TimePoint now, HostId host);
  /// For a switchover: serves no primary until one on a newer timeline is there, `resume` is called, or
  /// `until` has passed. Replicas go on serving.
  void suspend(TimePoint now, TimePoint until);
  void resume(TimePoint now);
  /// Fails all who wait; nobody is probed any more. Leases can still be released.
  void close(TimePoint now);

  // Inputs.
  /// The answer to a probe. One that comes late, or of a host that has gone, changes nothing.
  void on_probed(TimePoint now, HostId host, std::uint32_t probe, const Observation& observation);
  /// A probe failed: its connection was refused, or could not be made.
  void on_probe_failed(TimePoint now, HostId host, std::uint32_t probe);
  /// Something speaks against what is known of a host: a connection to it was lost, it could not be connected
  /// to, it refused a write (25006), or it reported another role. No request goes there until a probe that
  /// begins from now on has been answered; if it was the primary, all hosts are probed at once.
  void on_doubt(TimePoint now, HostId host);
  /// Fails those whose time is over, and probes whose turn it is.
  void tick(TimePoint now);

  // Outputs.
  [[nodiscard]] bool has_action() const {
    return pending_hosts_ > 0 || report_pending_ || waiters_.has_outcome();
  }
  std::optional<Action> poll_action();

 private:
  static constexpr std::uint32_t none = UINT32_MAX;

  /// What can be done for a request now: a host, an error, or nothing.
  struct Choice {
    std::uint32_t slot = none;
    WaitError error = WaitError::none;
  };

  [[nodiscard]] bool live(HostId host) const;
  [[nodiscard]] HostId id(std::uint32_t slot) const { return {slot, hosts_[slot].generation}; }
  [[nodiscard]] bool full() const { return options_.max_leases > 0 && leases_ >= options_.max_leases; }

  // Who serves (cluster.cpp).
  [[nodiscard]] Choice choose(const Request& request) const;
  [[nodiscard]] bool primary_fits(const Token& token) const;
  [[nodiscard]] bool replica_fits(const Host& host, const Request& request) const;
  [[nodiscard]] std::uint32_t best_replica(const Request& request) const;
  [[nodiscard]] std::uint32_t nearest(const Request& request) const;
  Acquired serve_or_queue(const Request& request, std::uint64_t ticket);
  void lease(std::uint32_t slot);
  void end_lease(HostId host);
  void serve_waiters();

  // What the hosts are (cluster_judging.cpp).
  void learn_system();
  void judge();
  void judge_dispute();
  [[nodiscard]] Verdict verdict_on(const Host& host) const;
  void elect();
  void end_epoch(Host& host, EpochEnd end);
  void add(HostKey key);
  void leave(std::uint32_t slot);

  // When whom to probe, and what follows from an input (cluster_probing.cpp).
  void begin(TimePoint now);
  void settle();
  void catch_up() {
    if (look_again_) settle();
  }
  void probe_all();
  void start_probes();
  [[nodiscard]] bool awaits(HostId host, std::uint32_t probe) const;
  void forget_probe(Host& host);
  void plan();
  [[nodiscard]] TimePoint due(const Host& host) const;
  [[nodiscard]] bool starving() const { return waiters_.wants_replica() && !full(); }
  void note(Report report);

  TimePoint now_;
  std::vector<Host> hosts_;
  std::uint32_t primary_ = none;
  std::uint32_t leases_ = 0;
  std::uint32_t newest_ = 0;
  bool disputed_ = false;
  bool suspended_ = false;
  bool closed_ = false;
  bool certain_ = false;  // the system is that of a primary
  bool served_ = false;   // the primary, after the last input
  bool report_pending_ = false;
  bool look_again_ = false;  // a request's patience is over, or a switchover's time
  std::uint64_t system_ = 0;
  Lsn written_ = 0;  // by a primary of the newest timeline, as far as is known; 0: nothing is
  std::uint64_t next_ticket_ = 1;
  TimePoint next_probe_ = never;
  TimePoint suspended_until_{};
  std::uint32_t suspended_timeline_ = 0;
  std::uint32_t pending_hosts_ = 0;  // those with an action that was not polled
  bool reports_[4]{};
  HostId reported_primary_{};  // the last one that was found
  ClusterOptions options_;
  Waiters waiters_;
  pool::Random random_;
};

}  // namespace copg::cluster
