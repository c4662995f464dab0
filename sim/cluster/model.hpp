// What a cluster must decide, said a second time and as simply as possible: the model watches every input to
// the cluster and every answer and action it gives, keeps its own account of hosts, leases and waiters,
// computes from them anew what is true after each input, and names the first broken invariant.
//
// It shares no code with the cluster and knows none of its insides. Where the cluster draws lots (backoff)
// the model knows the bounds only. The invariants C1 to C14 are those of docs/reference/invariants.md.
#pragma once

#include <fmt/format.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cluster/cluster.hpp"
#include "sim/model.hpp"

namespace copg::sim {

class ClusterModel {
 public:
  struct Known {
    cluster::HostId id;
    cluster::HostKey key = 0;
    bool answered = false, up = false, doubted = false;
    cluster::Observation seen{};
    cluster::TimePoint sent{};  // the probe that `seen` answers
    cluster::Duration latency{};
    cluster::Verdict verdict = cluster::Verdict::unknown;
    std::uint32_t leases = 0;
    std::uint32_t probe = 0;  // the number of the last one, if any
    bool asked = false, asking = false;
    cluster::TimePoint asked_at{};
    bool outrun = false, urgent = false;
    std::uint32_t failures = 0;  // in a row
    cluster::TimePoint failed_at{};
    cluster::EpochEnd due_end = cluster::EpochEnd::none;
  };
  struct Waiting {
    cluster::WaiterId id;
    std::uint64_t ticket = 0;
    cluster::Request request;
  };
  struct Lease {
    cluster::HostId host;
    cluster::HostKey key = 0;
    std::uint64_t ticket = 0;
    cluster::Request request;
  };

  ClusterModel(const cluster::ClusterOptions& options, const cluster::Cluster& core);

  // What happened: first the time, then the input, then `settle`, then its actions and answer, then
  // `judge_quiet`.
  void begin(cluster::TimePoint now);
  void set_hosts(std::uint64_t keys);
  void probed(Known& host, const cluster::Observation& seen);
  void probe_failed(Known& host);
  void doubt(Known& host);
  void tick();
  void suspend(cluster::TimePoint until);
  void resume() { suspended_ = false; }
  void close();
  void end_lease(std::size_t index);
  void settle();
  void on_queued(const cluster::Request& request, const cluster::Acquired& answer);
  void on_answer(const cluster::Request& request, const cluster::Acquired& answer);
  void on_cancelled(std::size_t index) {
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
  }
  void on_action(const cluster::Action& action);
  void judge_quiet(cluster::TimePoint next_deadline);
  void violate(std::string invariant, std::string text);

  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }
  [[nodiscard]] cluster::TimePoint now() const { return now_; }
  [[nodiscard]] bool closed() const { return closed_; }
  [[nodiscard]] Known* find(cluster::HostKey key);
  [[nodiscard]] const std::vector<Known>& hosts() const { return hosts_; }
  [[nodiscard]] const std::vector<Waiting>& waiting() const { return waiting_; }
  [[nodiscard]] const std::vector<Lease>& leases() const { return leases_; }
  [[nodiscard]] bool serves() const;
  [[nodiscard]] std::uint32_t grants() const { return grants_; }

 private:
  [[nodiscard]] bool full() const { return options_.max_leases > 0 && leases_.size() >= options_.max_leases; }
  [[nodiscard]] bool starving() const;
  [[nodiscard]] bool fits_primary(const cluster::Request& request) const;
  [[nodiscard]] bool has_replayed(const Known& host, const cluster::Token& token) const;
  [[nodiscard]] bool is_fresh(const Known& host, const cluster::Request& request) const;
  [[nodiscard]] bool is_right(const Known& host) const;
  [[nodiscard]] bool fits_replica(const Known& host, const cluster::Request& request) const;
  [[nodiscard]] bool any_replica(const cluster::Request& request) const;
  [[nodiscard]] bool served(const cluster::Request& request) const;
  [[nodiscard]] bool foreign(const cluster::Token& token) const;
  void judge_grant(const cluster::Request& request, cluster::HostId host);
  void judge_balance(const cluster::Request& request, const Known& host);
  void grant(const cluster::Request& request, cluster::HostId host, std::uint64_t ticket);
  void judge_error(const cluster::Request& request, cluster::WaitError error);
  void judge_probe(Known& host, std::uint32_t number);
  [[nodiscard]] cluster::TimePoint earliest_probe(const Known& host) const;
  [[nodiscard]] cluster::TimePoint latest_probe(const Known& host) const;
  [[nodiscard]] cluster::Duration backoff(const Known& host, bool searching) const;
  void learn_system();
  void judge_hosts();
  void expect(cluster::Report report);
  void judge_recount();

  template <class... Args>
  void require(bool holds, const char* invariant, fmt::format_string<Args...> text, Args&&... args) {
    if (!holds) [[unlikely]]
      violate(invariant, fmt::format(text, std::forward<Args>(args)...));
  }

  cluster::ClusterOptions options_;
  const cluster::Cluster& core_;
  cluster::TimePoint now_{};
  std::vector<Known> hosts_;      // listed
  std::vector<Waiting> waiting_;  // by ticket
  std::vector<Lease> leases_;
  std::array<std::pair<cluster::HostKey, cluster::HostId>, 64> left_{};  // whose end of the epoch is due
  std::size_t left_count_ = 0;
  std::uint64_t system_ = 0;
  bool certain_ = false;
  std::uint32_t newest_ = 0;
  cluster::Lsn written_ = 0;
  bool disputed_ = false, closed_ = false, suspended_ = false, served_ = false;
  cluster::TimePoint suspended_until_{};
  std::uint32_t suspended_timeline_ = 0;
  cluster::HostId primary_{}, last_primary_{};
  std::array<bool, 4> reports_{};  // due
  std::uint32_t grants_ = 0;       // so far
  std::optional<Violation> violation_;
};

}  // namespace copg::sim
