// The configuration and options of a pool, which never change.
#pragma once

#include <copg/config.hpp>
#include <copg/detail/configure.hpp>
#include <copg/pool_options.hpp>

#include <cstdint>
#include <optional>
#include <string>

#include "engine/clock.hpp"
#include "engine/events.hpp"

namespace copg::engine {

struct Setup {
  const Config config;
  const PoolOptions options;
  detail::Configure* const call_configure;  // detail::call_configure, which lies above this layer
  /// The background has a thread of its own, which `close` waits for and ends.
  const bool own_thread;
  /// The seed of the core's jitter; none: an unpredictable one.
  const std::optional<std::uint64_t> seed = {};
  const std::string name = options.name.empty() ? config.database : options.name;
  /// Tells the observers.
  const Events events{name, options};
  /// The time that a call may take.
  const Duration timeout = duration_of(options.timeout);
};

}  // namespace copg::engine
