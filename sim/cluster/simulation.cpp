#include "sim/cluster/simulation.hpp"

#include <utility>

#include "sim/cluster/workload.hpp"
#include "sim/delete_runs.hpp"

namespace copg::sim {
namespace {

class ClusterRun {
 public:
  ClusterRun(std::uint64_t seed, ClusterSabotage sabotage, std::uint64_t until, ClusterTrace* record)
      : workload_(seed), harness_(workload_.options(), sabotage), until_(until), record_(record) {
    if (record_ != nullptr) *record_ = ClusterTrace{workload_.options(), {}};
  }

  ClusterResult operator()() {
    if (work() && recover()) end();
    return {inputs_, harness_.digest(), harness_.model().violation()};
  }

 private:
  bool apply(const ClusterInput& input) {
    if (inputs_ >= until_) return false;
    ++inputs_;
    if (record_ != nullptr) record_->inputs.push_back(input);
    if (!harness_.apply(input)) return false;
    workload_.observe(harness_);
    return judge_reads();
  }
  bool command(ClusterInputKind kind) { return apply(workload_.at(kind)); }

  /// C16: a read that was granted finds in the world what it was promised.
  bool judge_reads() {
    const auto& leases = harness_.model().leases();
    const std::size_t first = leases.size() - std::min(leases.size(), harness_.new_leases());
    for (std::size_t i = first; i < leases.size(); ++i) {
      const cluster::Host* host = harness_.core().host(leases[i].host);
      if (host == nullptr) continue;
      const char* wrong = workload_.world().judge_read(leases[i].key, leases[i].request, host->seen.instance,
                                                       harness_.model().now());
      if (wrong == nullptr) continue;
      harness_.report("C16 no stale read", wrong);
      return false;
    }
    return true;
  }

  bool work() {
    for (std::uint32_t i = 0; i < workload_.length(); ++i) {
      if (!apply(workload_.next(harness_))) return false;
    }
    return true;
  }

  /// C15: once the world is well, the primary is found within a known time.
  bool recover() {
    if (!command(ClusterInputKind::resume)) return false;
    workload_.begin_recovery();
    const cluster::TimePoint limit = workload_.now() + workload_.recovery_time();
    while (workload_.now() < limit && !found()) {
      if (!apply(workload_.next(harness_))) return false;
    }
    if (found()) return true;
    harness_.report("C15 found", "the world is well, and the primary has not been found in time");
    return false;
  }
  [[nodiscard]] bool found() {
    const auto primary = harness_.core().primary();
    return harness_.core().serves_primary() &&
           workload_.world().is_primary(harness_.core().host(*primary)->key);
  }

  void end() {
    if (!command(ClusterInputKind::close)) return;
    while (!harness_.model().leases().empty()) {
      if (!command(ClusterInputKind::release)) return;
    }
    if (!command(ClusterInputKind::tick)) return;
    if (!harness_.model().waiting().empty()) harness_.report("C10 one outcome", "one waits after the close");
    if (harness_.next_deadline() != cluster::never)
      harness_.report("C11 found out", "a tick after the close");
  }

  ClusterWorkload workload_;
  ClusterHarness harness_;
  std::uint64_t until_;
  std::uint64_t inputs_ = 0;
  ClusterTrace* record_;
};

}  // namespace

ClusterResult run_cluster(std::uint64_t seed, ClusterSabotage sabotage, std::uint64_t until,
                          ClusterTrace* record) {
  return ClusterRun(seed, sabotage, until, record)();
}

ClusterResult replay_cluster(const ClusterTrace& trace, ClusterSabotage sabotage) {
  ClusterHarness harness(trace.options, sabotage);
  std::uint64_t inputs = 0;
  for (const ClusterInput& input : trace.inputs) {
    ++inputs;
    if (!harness.apply(input)) break;
  }
  return {inputs, harness.digest(), harness.model().violation()};
}

ClusterTrace shrink_cluster(ClusterTrace trace, ClusterSabotage sabotage) {
  const ClusterResult first = replay_cluster(trace, sabotage);
  if (!first.violation) return trace;
  const std::string invariant = first.violation->invariant;
  const auto still_fails = [&](ClusterTrace& candidate) {
    const ClusterResult result = replay_cluster(candidate, sabotage);
    if (!result.violation || result.violation->invariant != invariant) return false;
    candidate.inputs.resize(static_cast<std::size_t>(result.inputs));
    return true;
  };
  trace.inputs.resize(static_cast<std::size_t>(first.inputs));
  delete_runs(trace, &ClusterTrace::inputs, still_fails);
  return trace;
}

}  // namespace copg::sim
