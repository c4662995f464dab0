// What a cluster knows of one host: its last answer, whether it answers, its probes, its leases.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cluster/types.hpp"
#include "pool/backoff.hpp"

namespace copg::cluster {

struct Host {
  // What a request looks at comes first.
  bool listed = false;
  bool up = false;  ///< The last probe was answered.
  /// Something speaks against what is known: no request until a younger probe is answered.
  bool doubted = false;
  Verdict verdict = Verdict::unknown;
  std::uint32_t leases = 0;
  Duration latency{};  ///< Of probes, smoothed; 0: it has answered none.
  /// When the probe was sent whose answer is `seen`: what it says is at least so young.
  TimePoint seen_at{};
  Observation seen{};  ///< Its last answer, also of a host that is down.

  HostKey key = 0;
  std::uint32_t generation = 0;
  bool answered = false;  ///< At least once.
  bool tried = false;     ///< A probe has begun, at least once.
  bool probing = false;
  bool outrun = false;  ///< The probe under way began before the doubt, and can't end it.
  bool urgent = false;  ///< The next probe comes as soon as one may.
  bool probe_pending = false;
  EpochEnd end = EpochEnd::none;      ///< Of a pending action.
  std::uint32_t probe = 0;            ///< The number of the last one.
  TimePoint probed_at{};              ///< When it began.
  std::uint32_t failures = 0;         ///< In a row.
  TimePoint retry_at{}, search_at{};  ///< Of one that is down: its next probe, and while none is served.

  [[nodiscard]] bool trusted() const { return up && !doubted; }
  /// Whether requests may go there, or wait for it, as far as is known.
  [[nodiscard]] bool serves() const {
    return up && (verdict == Verdict::primary || verdict == Verdict::replica);
  }
  [[nodiscard]] bool down() const { return failures > 0; }

  void answer(TimePoint now, const Observation& observation) {
    const Duration took = std::max<Duration>(now - probed_at, Duration(1));
    latency = latency == Duration{} ? took : latency + (took - latency) / 8;
    seen = observation;
    seen_at = probed_at;
    answered = true;
    up = true;
    failures = 0;
    end_probe();
    urgent = urgent || outrun;  // the doubt is younger than the answer
    doubted = outrun;
    outrun = false;
  }
  void fail(TimePoint now, const ClusterOptions& options, pool::Random& random) {
    constexpr std::uint32_t most_steps = 10;  // first_backoff has grown to a thousandfold by then
    const std::uint32_t steps = std::min(failures++, most_steps);
    const Duration ceiling = std::min(options.longest_backoff, options.first_backoff * (1 << steps));
    retry_at = now + random.share(ceiling, 0.5, 1);
    search_at = now + random.share(std::min(ceiling, options.longest_search_backoff), 0.5, 1);
    up = outrun = false;
    end_probe();
  }

 private:
  void end_probe() { probing = probe_pending = false; }
};

}  // namespace copg::cluster
