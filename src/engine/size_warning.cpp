#include "engine/size_warning.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace copg::engine {

std::optional<std::string> size_warning(const PoolOptions& options, const pq::ServerRoom& room) {
  const std::int64_t others = std::max<std::int64_t>(room.others - (options.num_workers - 1), 0);
  const std::int64_t left = room.allowed - others;
  if (options.max_size <= left) return std::nullopt;
  const std::string held = others > 0 ? fmt::format(", and others have {} of {}", others, room.allowed) : "";
  return fmt::format(
      "max_size is {}, but the server has room for {} connections: {}{}. Make max_size smaller in each "
      "process, "
      "raise the limit, or put a pooler in between",
      options.max_size, std::max<std::int64_t>(left, 0), room.limit, held);
}

}  // namespace copg::engine
