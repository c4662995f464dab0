// What a server says of itself: the statement that asks, and what its answer means. Sends nothing.
#pragma once

#include <copg/result.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

#include "cluster/types.hpp"

namespace copg::routing {

/// Gives one row, for `observation_in`. For PostgreSQL 10 and later; needs no privilege. A role that is not a
/// member of pg_read_all_stats learns less of how old the data of a replica are.
extern const std::string_view probe_text;

/// Nothing if that is not the answer to `probe_text`.
[[nodiscard]] std::optional<cluster::Observation> observation_in(const Result& result);

/// The end of the last record before `insert`, where the next one will begin: behind the header of a page, if
/// the last one has filled the page before it. No replica can replay that far until there is a next one.
[[nodiscard]] cluster::Lsn end_of_log(cluster::Lsn insert, std::uint64_t block, std::uint64_t segment);

}  // namespace copg::routing
