// One call into the cluster, as a plain value, and the text form in which traces are printed and replayed.
//
// Inputs name hosts by their keys, and leases and waiters by a number that picks one of those there are, so
// that deleting an input from a trace leaves the others a meaning.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "cluster/types.hpp"

namespace copg::sim {

enum class ClusterInputKind : std::uint8_t {
  set_hosts,  ///< `keys`
  acquire,    ///< `request`
  reacquire,  ///< `pick` of the leases, `request`
  cancel,     ///< `pick` of the waiters, `stale`
  release,    ///< `pick` of the leases
  suspend,    ///< `until`
  resume,
  close,
  on_probed,        ///< `key`, `stale`, `seen`
  on_probe_failed,  ///< `key`, `stale`
  on_doubt,         ///< `key`, `stale`
  tick,
};

struct ClusterInput {
  ClusterInputKind kind = ClusterInputKind::tick;
  cluster::TimePoint now{};
  std::uint64_t keys = 0;    ///< A bit for each key: the lowest is that of key 0.
  cluster::HostKey key = 0;  ///< 0..63
  std::uint32_t pick = 0;    ///< Modulo the number of those there are.
  bool stale = false;        ///< An id, or the number of a probe, of before.
  cluster::TimePoint until{};
  cluster::Request request{};
  cluster::Observation seen{};
};

/// A run of the cluster that can be repeated: its options, and every input.
struct ClusterTrace {
  cluster::ClusterOptions options;
  std::vector<ClusterInput> inputs;
};

std::string to_text(const ClusterInput& input);
std::string to_text(const ClusterTrace& trace);
/// Reads what `to_text` wrote; `#` begins a comment. Throws std::invalid_argument that names the line.
ClusterTrace read_cluster_trace(std::istream& in);

}  // namespace copg::sim
