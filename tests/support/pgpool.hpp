// A Pgpool-II of one's own in front of throw-away servers, on a Unix socket.
//
// Asks for no password; its node 0 must be the primary, and the others its replicas.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/pooler_process.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

class Pgpool : public PoolerProcess {
 public:
  /// Lines of pgpool.conf, such as {"load_balance_mode", "off"}.
  using Settings = std::vector<std::pair<std::string, std::string>>;
  using Nodes = std::vector<std::reference_wrapper<const testing::ThrowawayPostgres>>;

  /// Whether the program is there.
  [[nodiscard]] static bool is_installed();

  /// Returns once it accepts connections. Throws std::runtime_error with its own words when it does not.
  Pgpool(const Nodes& nodes, const Settings& settings);
};

}  // namespace copg::test
