#include "sync/host_info.hpp"

namespace copg::sync {
namespace {

HostState state_of(cluster::Verdict verdict) {
  switch (verdict) {
    case cluster::Verdict::unknown: break;
    case cluster::Verdict::primary: return HostState::primary;
    case cluster::Verdict::replica: return HostState::replica;
    case cluster::Verdict::fenced: return HostState::fenced;
    case cluster::Verdict::foreign: return HostState::foreign;
  }
  return HostState::unknown;
}

}  // namespace

HostInfo info_of(const routing::HostView& host) {
  HostInfo info{.address = routing::to_string(host.address),
                .state = state_of(host.verdict),
                .reachable = host.up,
                .doubted = host.doubted,
                .system = host.seen.system,
                .timeline = host.seen.timeline,
                .position = host.seen.position,
                .latency = host.latency,
                .error = host.error,
                .stats = host.pool->stats(),
                .view = PoolView(host.pool)};
  if (host.verdict == cluster::Verdict::replica && host.seen.lag != cluster::forever)
    info.lag = host.seen.lag + host.age;
  return info;
}

}  // namespace copg::sync
