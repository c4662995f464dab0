#include "pq/commit_doubt.hpp"

namespace copg::pq {

const std::string_view number_text = "SELECT pg_catalog.pg_current_xact_id_if_assigned()";

// In recovery pg_current_wal_lsn is an error, which would stand in the server's log for each connection. The
// times are texts that no setting of the session changes.
const std::string_view fate_text =
    "SELECT system_identifier, "
    "CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL "
    "ELSE pg_catalog.left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8) END, "
    "pg_catalog.to_char(pg_catalog.timezone('UTC', pg_catalog.pg_postmaster_start_time()), "
    "'YYYYMMDDHH24MISSUS'), "
    "(SELECT pg_catalog.to_char(pg_catalog.timezone('UTC', stats_reset), 'YYYYMMDDHH24MISSUS') "
    "FROM pg_catalog.pg_stat_bgwriter), "
    "CASE WHEN $1::pg_catalog.xid8 >= pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()) "
    "THEN 'ahead' ELSE pg_catalog.pg_xact_status($1::pg_catalog.xid8) END "
    "FROM pg_catalog.pg_control_system(), pg_catalog.pg_sleep($2)";

Params fate_params(const std::string& number, double pause_s) {
  return params(number.empty() ? std::optional<std::string>() : std::optional(number), pause_s);
}

namespace {

constexpr std::size_t identity_columns = 4;
constexpr std::size_t status_column = identity_columns;

}  // namespace

std::optional<ServerIdentity> identity_in(const Result& result) {
  if (result.empty() || result.columns() <= status_column) return std::nullopt;
  const Row row = result[0];
  for (std::size_t column = 0; column < identity_columns; ++column) {
    if (row[column].is_null()) return std::nullopt;
  }
  return ServerIdentity{.system = std::string(row[0].text()),
                        .timeline = std::string(row[1].text()),
                        .started = std::string(row[2].text()),
                        .statistics = std::string(row[3].text())};
}

CommitFate fate_in(const Result& result, const ServerIdentity& asked_before) {
  const auto now = identity_in(result);
  if (!now) return CommitFate::unknown;
  const Field status = result[0][status_column];
  return fate_of(asked_before, *now, status.is_null() ? std::string_view() : status.text());
}

CommitFate fate_of(const ServerIdentity& before, const ServerIdentity& now,
                   std::string_view status) noexcept {
  if (before.system != now.system || before.timeline != now.timeline) return CommitFate::unknown;
  if (status == "aborted") return CommitFate::rolled_back;
  // After a crash another transaction may have been given the number.
  if (status == "committed")
    return before.statistics == now.statistics ? CommitFate::committed : CommitFate::unknown;
  if (status != "in progress" && status != "ahead") return CommitFate::unknown;  // long ago
  return before.started == now.started ? CommitFate::undecided : CommitFate::rolled_back;
}

}  // namespace copg::pq
