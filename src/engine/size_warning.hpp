// What is said at the start of a pool that can never have as many connections as it may.
#pragma once

#include <copg/pool_options.hpp>

#include <optional>
#include <string>

#include "pq/server_room.hpp"

namespace copg::engine {

/// Nothing if the server has room for max_size connections. Up to num_workers - 1 of the others' may be this
/// pool's own, which it opens at the same time: they are not held against it.
[[nodiscard]] std::optional<std::string> size_warning(const PoolOptions& options, const pq::ServerRoom& room);

}  // namespace copg::engine
