// Lets the engine, which knows no copg::Connection, call the functions of PoolOptions that get one. Not for
// users.
#pragma once

#include <copg/detail/lease.hpp>

#include <cstdint>
#include <memory>

#pragma GCC visibility push(default)
namespace copg {
struct PoolOptions;

namespace detail {

/// A function of PoolOptions that gets a connection.
enum class Hook : std::uint8_t { configure, on_return, before_close };

/// Calls it with the connection of the lease, and throws what it throws. `lease` is empty afterwards if the
/// connection was closed, given back or moved away.
[[gnu::visibility("hidden")]] void call_configure(const PoolOptions& options, Hook hook,
                                                  std::shared_ptr<engine::PoolEngine> engine, Lease& lease);
using Configure = decltype(call_configure);

}  // namespace detail
}  // namespace copg
#pragma GCC visibility pop
