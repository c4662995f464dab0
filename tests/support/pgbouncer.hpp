// A PgBouncer of one's own in front of a throw-away server, on a Unix socket and on a free loopback port.
//
// Asks for no password; whoever comes is the superuser.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/pooler_process.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

class PgBouncer : public PoolerProcess {
 public:
  /// Lines of the section [pgbouncer], such as {"pool_mode", "transaction"}.
  using Settings = std::vector<std::pair<std::string, std::string>>;

  /// Returns once it accepts connections. Throws std::runtime_error with its own words when it does not.
  PgBouncer(const testing::ThrowawayPostgres& server, const Settings& settings);
};

}  // namespace copg::test
