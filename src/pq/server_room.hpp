// How many connections a server has room for: what one connection asks about it, and what the answer means.
// Decides nothing, and sends nothing.
#pragma once

#include <copg/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace copg::pq {

struct ServerRoom {
  std::int64_t allowed = 0;  ///< Connections that this login may have, all programs together.
  std::int64_t others = 0;   ///< Connections of clients at that moment, without the one that asks.
  std::string limit;         ///< What allows no more, such as "max_connections = 100, 3 of them reserved".
};

/// Gives one row, for `room_in`. For PostgreSQL 10 and later.
extern const std::string_view room_text;

/// Whether the server's process has another number than the connection was told when it was opened: then a
/// pooler stands in between.
[[nodiscard]] bool shows_pooler(const Result& result, int backend_pid);

/// Nothing if a pooler stands in between: how many connections the server has is then the pooler's business.
[[nodiscard]] std::optional<ServerRoom> room_in(const Result& result, int backend_pid);

}  // namespace copg::pq
