#include "routing/observation.hpp"

#include <algorithm>
#include <chrono>

namespace copg::routing {

// A standby may be promoted while it answers, so that what it is, is asked once: a promoted one still tells
// how far it had replayed, and a primary does not become a standby without a restart.
//
// The timeline. pg_control_checkpoint shows a promotion only after the next checkpoint, hence pg_walfile_name
// on a primary. A standby has three notes of it, of which the newest counts: what it receives now, what it
// last wrote back to disk, and its last restartpoint.
//
// How old the data of a standby are. latest_end_lsn is how far the primary had written when it sent its last
// message (walEnd in walreceiver.c): a standby that has replayed so far has all of that moment. Between two
// messages of an idle primary lie up to 30 s (wal_receiver_timeout / 2); the cluster shortens that by what it
// sees of the primary. To others than members of pg_read_all_stats all columns are NULL, and so the age is
// that of the last transaction that was replayed.
const std::string_view probe_text =
    "SELECT NOT standby, system_identifier, "
    "(extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8, "
    "CASE WHEN standby THEN greatest(received_tli, "
    "(SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()), "
    "(SELECT min_recovery_end_timeline FROM pg_catalog.pg_control_recovery())) "
    "ELSE ('x' || pg_catalog.substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))"
    "::pg_catalog.bit(32)::pg_catalog.int4 END, "
    "CASE WHEN standby THEN pg_catalog.pg_last_wal_replay_lsn() "
    "ELSE pg_catalog.pg_current_wal_insert_lsn() END - '0/0'::pg_catalog.pg_lsn, "
    "CASE WHEN standby THEN (extract(epoch FROM pg_catalog.clock_timestamp() - "
    "CASE WHEN status = 'streaming' AND latest_end_lsn <= pg_catalog.pg_last_wal_replay_lsn() "
    "THEN last_msg_send_time ELSE pg_catalog.pg_last_xact_replay_timestamp() END) * 1000000)"
    "::pg_catalog.int8 ELSE 0 END, "
    "pg_catalog.current_setting('wal_block_size')::pg_catalog.int8, "
    "pg_catalog.pg_size_bytes(pg_catalog.current_setting('wal_segment_size')) "
    "FROM (SELECT pg_catalog.pg_is_in_recovery() AS standby OFFSET 0) AS self "
    "CROSS JOIN pg_catalog.pg_control_system() LEFT JOIN pg_catalog.pg_stat_wal_receiver ON true";

cluster::Lsn end_of_log(cluster::Lsn insert, std::uint64_t block, std::uint64_t segment) {
  // SizeOfXLogLongPHD, of the first page of a segment, and SizeOfXLogShortPHD (xlog_internal.h).
  constexpr std::uint64_t long_header = 40;
  constexpr std::uint64_t short_header = 24;
  if (block == 0 || segment == 0) return insert;
  if (insert % segment == long_header) return insert - long_header;
  return insert % block == short_header ? insert - short_header : insert;
}

std::optional<cluster::Observation> observation_in(const Result& result) {
  enum Column : std::uint8_t { primary, system, start, timeline, position, lag, block, segment, columns };
  if (result.empty() || result.columns() < columns) return std::nullopt;
  const Row row = result[0];
  for (const Column column : {primary, system, start, timeline, block, segment}) {
    if (row[column].is_null()) return std::nullopt;
  }
  const auto number = [&](Column column) { return row[column].as<std::int64_t>(); };
  cluster::Observation seen{.primary = row[primary].as<bool>(),
                            .system = static_cast<std::uint64_t>(number(system)),
                            .instance = static_cast<std::uint64_t>(number(start)),
                            .timeline = static_cast<std::uint32_t>(number(timeline))};
  if (seen.system == 0 || seen.timeline == 0) return std::nullopt;
  // The type of the difference of two positions is numeric.
  if (!row[position].is_null()) seen.position = std::stoull(std::string(row[position].text()));
  if (seen.primary) {
    seen.position = end_of_log(seen.position, static_cast<std::uint64_t>(number(block)),
                               static_cast<std::uint64_t>(number(segment)));
  }
  // The clocks of two machines differ.
  seen.lag = row[lag].is_null() ? cluster::forever
                                : std::chrono::microseconds(std::max<std::int64_t>(number(lag), 0));
  return seen;
}

}  // namespace copg::routing
