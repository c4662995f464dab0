// The picture of a server without monitors: its sessions, as pg_stat_activity has them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "picture.hpp"

namespace copg::tools {

/// A row of what `sessions_sql` asks for. Times in seconds.
struct ServerSession {
  std::int32_t pid = 0;
  std::string application{};
  std::string client{};
  std::string role{};
  std::string database{};
  std::string state{};                     ///< As in pg_stat_activity; "hidden" if this role may not see it.
  std::optional<double> in_state{};        ///< Since the state changed.
  std::optional<double> in_transaction{};  ///< Since its transaction began.
  std::string waits_for{};                 ///< "Lock: transactionid"; empty: it runs.
  std::vector<std::int32_t> blocked_by{};  ///< Sessions that it waits for.
  std::string statement{};                 ///< The present one, or the last.
};

struct ServerFacts {
  std::string version{};
  int max_connections = 0;
  bool sees_all = false;  ///< The role has the rights of pg_read_all_stats.
};

extern const std::string_view sessions_sql;
extern const std::string_view server_facts_sql;

/// `where` names the server.
Picture picture_of(const std::string& where, const ServerFacts& server,
                   const std::vector<ServerSession>& sessions);

}  // namespace copg::tools
