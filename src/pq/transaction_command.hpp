// How a transaction begins and ends.
#pragma once

#include <cstdint>

namespace copg::pq {

/// Whether a BEGIN travels in front of the statement, in the same flush.
enum class BeginFirst : bool { no, yes };

enum class TransactionCommand : std::uint8_t { commit, rollback };

}  // namespace copg::pq
