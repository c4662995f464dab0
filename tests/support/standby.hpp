// A streaming replica made of two throw-away servers.
#pragma once

#include <filesystem>

#include "testing/child_process.hpp"
#include "testing/postgres_installation.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

/// What a server needs to be the primary of another.
inline testing::ThrowawayOptions primary_options() {
  return {.settings = {{"wal_level", "replica"}, {"max_wal_senders", "4"}, {"hot_standby", "on"}}};
}

/// Throws away what `standby` holds and makes it follow `primary`. Both were made with primary_options().
inline void make_standby(testing::ThrowawayPostgres& standby, const testing::ThrowawayPostgres& primary) {
  standby.stop();
  std::filesystem::remove_all(standby.data_folder());
  // Not every program of PostgreSQL is on PATH, but all are beside each other.
  const auto basebackup =
      std::filesystem::canonical(testing::find_postgres_programs() / "initdb").parent_path() /
      "pg_basebackup";
  testing::run({.arguments = {basebackup, "-D", standby.data_folder(), "-R", "-X", "stream", "-c", "fast",
                              "-d", primary.url()},
                .dropped_environment = {"PG"},
                .working_folder = standby.socket_folder(),
                .output = standby.socket_folder() / "basebackup.log",
                .user = testing::user_for_server()});
  standby.configure({{"primary_conninfo", primary.url()}});
  standby.start();
}

}  // namespace copg::test
