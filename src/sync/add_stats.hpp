// The statistics of several pools as those of one.
#pragma once

#include <copg/pool_stats.hpp>

namespace copg::sync {

/// Adds all counts and times; of the largest run there is one.
void add(PoolStats& sum, const PoolStats& one) noexcept;

}  // namespace copg::sync
