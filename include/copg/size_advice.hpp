// Whether a pool has the right size, judged by what it has measured.
//
// By the theory of queues (docs/explanation/advice.md, which also says how far it has been found off).
#pragma once

#include <copg/pool_metrics.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace copg {

/// What `advise` makes of a pool's size.
enum class SizeVerdict : std::uint8_t {
  unknown,    ///< There were too few requests to tell.
  fits,       ///< Nothing is to be changed.
  too_small,  ///< Too many requests wait.
  saturated,  ///< All connections are in use all the time: how many would be enough is a guess.
  too_large,  ///< Half of the connections, or fewer, would do.
};
[[nodiscard]] std::string_view to_string(SizeVerdict verdict) noexcept;

struct SizeAdvice {
  SizeVerdict verdict = SizeVerdict::unknown;
  std::uint32_t max_size = 0;  ///< The size to set; the present one if nothing is to be changed.
  double busy = 0;             ///< Connections that were leased, on average.
  double under_way = 0;        ///< The same, and the requests that waited, on average.
  double waited = 0;       ///< The part of the requests that waited for a connection to come back, 0 to 1.
  double waited_then = 0;  ///< What that would be with `max_size`.
  std::chrono::nanoseconds median_wait{};  ///< Of those that waited.
  /// How much more the requests come in bursts than by chance alone: 1 is by chance, less is more even.
  double burstiness = 1;
  std::string text{};  ///< All this as a sentence, with the figures.
};

/// Judges the size of the pool by what it has measured: at which size no more than the part `target` of the
/// requests would wait, if they came as they have come, and leases took as long as they have taken. It can't
/// know whether the server answers more requests at a time as fast: `copg tune` finds that out. Better on a
/// busy hour (PoolMetrics::since) than on a whole day. Throws ConfigurationError unless `target` is above 0
/// and below 1.
[[nodiscard]] SizeAdvice advise(const PoolMetrics& metrics, double target = 0.01);

}  // namespace copg
#pragma GCC visibility pop
