// Where the client of a benchmark runs.
#pragma once

#include <sched.h>

#include <cstddef>

namespace copg::bench {

/// Keeps the calling thread on the last of the CPUs it may use: scripts/bench leaves that one to the client.
/// On one CPU with the server, each answer would find the caches as the server left them; left to the
/// scheduler, which of the two it is changes in the middle of a run.
inline void stay_on_last_cpu() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::size_t last = CPU_SETSIZE - 1;
  while (last > 0 && !CPU_ISSET(last, &allowed)) --last;
  CPU_ZERO(&allowed);
  CPU_SET(last, &allowed);
  sched_setaffinity(0, sizeof allowed, &allowed);
}

}  // namespace copg::bench
