// How far a primary's log is: the statement that asks, and what its answer means. Sends nothing.
#pragma once

#include <copg/result.hpp>
#include <copg/write_token.hpp>

#include <cstdint>
#include <string_view>

namespace copg::routing {

/// For a primary; a standby refuses it. Needs no privilege.
extern const std::string_view position_text;

/// The token of what was written before `answer` was given. `system`: the server's. DataError if that is no
/// answer to `position_text`.
[[nodiscard]] WriteToken token_in(const Result& answer, std::uint64_t system);

}  // namespace copg::routing
