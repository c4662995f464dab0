// Lets the engine, which knows no copg::Connection, call PoolOptions::configure with one. Not for users.
#pragma once

#include <copg/detail/lease.hpp>

#include <memory>

#pragma GCC visibility push(default)
namespace copg {
struct PoolOptions;

namespace detail {

/// Calls `options.configure` with the connection of the lease, and throws what it throws. `lease` is empty
/// afterwards if the connection was closed, given back or moved away.
[[gnu::visibility("hidden")]] void call_configure(const PoolOptions& options,
                                                  std::shared_ptr<engine::PoolEngine> engine, Lease& lease);
using Configure = decltype(call_configure);

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
