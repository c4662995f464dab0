// What a connect needs to know. Plain data.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace copg::pq {

/// What one connect has learnt for the next. Shared by all copies of the settings.
struct ConnectMemory {
  /// The server's own DateStyle is not ISO: ask for ISO with the first packet. Poolers refuse such options,
  /// so nobody asks without need.
  std::atomic<bool> date_style_needed = false;
};

struct ConnectSettings {
  /// libpq's connection keywords and values, as PQconnectStartParams takes them. What is left out comes from
  /// libpq's own environment, service file and defaults.
  std::vector<std::pair<std::string, std::string>> keywords;
  /// False: never give a statement a name (for poolers that can't carry it).
  bool prepare = true;
  std::shared_ptr<ConnectMemory> memory = std::make_shared<ConnectMemory>();
};

/// Why a connect failed.
enum class ConnectFailureKind : std::uint8_t {
  transient,      ///< Nothing listening, server starting, name server silent: worth another try.
  overloaded,     ///< The server has no room (53300): worth another try later.
  configuration,  ///< Wrong password, database, host, TLS or option: another try fails as well.
  refused_near,   ///< Transient, on this very machine, before a server has said anything. Another
                  ///< try costs next to nothing.
};

}  // namespace copg::pq
