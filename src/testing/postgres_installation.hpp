// Where PostgreSQL's server programs are on this machine, and as whom they may run.
#pragma once

#include <filesystem>
#include <optional>

#include "testing/child_process.hpp"

namespace copg::testing {

/// The folder of initdb and postgres: the one on PATH, else the newest below /usr/lib/postgresql (Debian,
/// Ubuntu), /usr/pgsql-* (Red Hat) or /usr/local/pgsql. Throws PostgresNotFound, which says what to install.
[[nodiscard]] std::filesystem::path find_postgres_programs();

/// PostgreSQL refuses to run as root: whom to drop to, `postgres` or else `nobody`. Nothing when we are not
/// root. Throws std::runtime_error when neither user exists.
[[nodiscard]] std::optional<SystemUser> user_for_server();

}  // namespace copg::testing
