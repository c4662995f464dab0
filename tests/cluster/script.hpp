// A cluster in a test, told what happens line by line.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "cluster/cluster.hpp"

namespace copg::test {

using namespace std::chrono_literals;
using cluster::Acquired;
using cluster::Action;
using cluster::ActionKind;
using cluster::Cluster;
using cluster::ClusterOptions;
using cluster::EpochEnd;
using cluster::HostId;
using cluster::HostKey;
using cluster::IfUnfit;
using cluster::Observation;
using cluster::Report;
using cluster::Request;
using cluster::Role;
using cluster::Token;
using cluster::Verdict;
using cluster::WaiterId;
using cluster::WaitError;
using pool::Duration;
using pool::TimePoint;

inline constexpr std::uint64_t this_system = 7;

inline Observation primary_on(std::uint32_t timeline, cluster::Lsn position = 1000) {
  return {
      .primary = true, .system = this_system, .instance = 100, .timeline = timeline, .position = position};
}
inline Observation replica_on(std::uint32_t timeline, cluster::Lsn position = 1000, Duration lag = 0ms) {
  return {.system = this_system, .instance = 100, .timeline = timeline, .position = position, .lag = lag};
}
inline Request read(IfUnfit if_unfit = IfUnfit::wait) {
  return {.role = Role::replica, .if_unfit = if_unfit};
}
inline Request read_after(cluster::Lsn position, std::uint32_t timeline = 1) {
  Request request = read();
  request.token = {.system = this_system, .timeline = timeline, .position = position};
  return request;
}

class Script {
 public:
  explicit Script(const ClusterOptions& options = {}) : it(options, TimePoint{}) { it.reserve_waiters(64); }

  void hosts(const std::vector<HostKey>& keys) {
    EXPECT_TRUE(it.set_hosts(now, keys));
    take();
  }
  [[nodiscard]] HostId id(HostKey key) const { return it.find(key).value_or(HostId{}); }
  [[nodiscard]] HostKey key(HostId host) const { return it.host(host) == nullptr ? 0 : it.host(host)->key; }
  [[nodiscard]] Verdict verdict(HostKey key) const { return it.host(id(key))->verdict; }
  [[nodiscard]] HostKey primary() const { return it.primary() ? key(*it.primary()) : 0; }

  /// Answers the probe that is under way, `after` so long.
  void answer(HostKey key, const Observation& observation, Duration after = 1ms) {
    now += after;
    asking[key] = false;
    it.on_probed(now, id(key), probes[key], observation);
    take();
  }
  void refuse(HostKey key) {
    asking[key] = false;
    it.on_probe_failed(now, id(key), probes[key]);
    take();
  }
  void doubt(HostKey key) {
    it.on_doubt(now, id(key));
    take();
  }
  void suspend(Duration time) {
    it.suspend(now, now + time);
    take();
  }
  void resume() {
    it.resume(now);
    take();
  }
  /// Ticks whenever the cluster asks for it.
  void pass(Duration time) {
    for (const TimePoint end = now + time; now < end;) {
      now = std::max(now, std::min(end, it.next_deadline()));
      it.tick(now);
      take();
      EXPECT_GT(it.next_deadline(), now);
    }
  }
  /// Lets time pass until a host has been asked something that it has not answered.
  void await_probe(HostKey key) {
    for (int i = 0; i < 1000 && !asking[key]; ++i) pass(1ms);
    EXPECT_TRUE(asking[key]) << "host " << key << " was not probed within a second";
  }

  /// The key of the host that is granted at once; 0: queued, in `last`, or rejected.
  HostKey acquire(Request request, Duration patience = 10s) {
    if (request.deadline == TimePoint{}) request.deadline = now + patience;
    last = it.acquire(now, request);
    take();
    return last.kind == Acquired::Kind::granted ? key(last.host) : 0;
  }
  WaiterId wait(const Request& request, Duration patience = 10s) {
    EXPECT_EQ(acquire(request, patience), 0U);
    EXPECT_EQ(last.kind, Acquired::Kind::queued);
    return last.waiter;
  }
  void release(HostKey key) {
    it.release(now, id(key));
    take();
  }

  // What was said since the last time that the test has asked.
  [[nodiscard]] HostKey granted(WaiterId waiter) {
    const auto found = grants.find(waiter.slot);
    return found == grants.end() ? 0 : found->second;
  }
  [[nodiscard]] WaitError failed(WaiterId waiter) {
    const auto found = failures.find(waiter.slot);
    return found == failures.end() ? WaitError::none : found->second;
  }
  EpochEnd ended(HostKey key) { return std::exchange(ends[key], EpochEnd::none); }
  bool told(Report report) { return std::exchange(reports[static_cast<std::size_t>(report)], false); }

  TimePoint now{};
  Cluster it;
  Acquired last;
  std::map<HostKey, std::uint32_t> probes;  ///< The number of the last one.
  std::map<HostKey, std::uint32_t> asked;   ///< How many there were.
  std::map<HostKey, bool> asking;           ///< Whether one is under way.
  std::vector<HostKey> order;               ///< Slots of the waiters, as they were granted.

 private:
  void take() {
    while (const auto action = it.poll_action()) {
      switch (action->kind) {
        case ActionKind::probe:
          probes[action->key] = action->probe;
          ++asked[action->key];
          asking[action->key] = true;
          break;
        case ActionKind::grant:
          grants[action->waiter.slot] = action->key;
          order.push_back(action->waiter.slot);
          break;
        case ActionKind::fail: failures[action->waiter.slot] = action->error; break;
        case ActionKind::end_epoch: ends[action->key] = action->end; break;
        case ActionKind::report: reports[static_cast<std::size_t>(action->report)] = true; break;
      }
    }
  }

  std::map<std::uint32_t, HostKey> grants;
  std::map<std::uint32_t, WaitError> failures;
  std::map<HostKey, EpochEnd> ends;
  std::array<bool, 4> reports{};
};

/// Host 1 is the primary, 2 and 3 are its replicas.
inline Script three(const ClusterOptions& options = {}) {
  Script script(options);
  script.hosts({1, 2, 3});
  script.answer(1, primary_on(1));
  script.answer(2, replica_on(1));
  script.answer(3, replica_on(1));
  return script;
}

}  // namespace copg::test
