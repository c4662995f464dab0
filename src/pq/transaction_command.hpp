// How a transaction begins and ends.
#pragma once

#include <cstdint>

namespace copg::pq {

/// Whether BEGIN travels in front, in the same flush.
enum class BeginFirst : bool { no, yes };

enum class TransactionCommand : std::uint8_t { commit, rollback };

}  // namespace copg::pq
