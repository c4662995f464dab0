// What a connect needs to know. Plain data.
#pragma once

#include <copg/pool_options.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace copg::pq {

/// What one connect has found out for the next ones. Shared by all copies of the settings.
struct ConnectMemory {
  /// The server's own DateStyle is not ISO, so that ISO must be asked for in the first packet. Poolers refuse
  /// such an option, so it is not sent without need.
  std::atomic<bool> date_style_needed = false;
  /// A pooler stands in between, which may hand the next statement to another server.
  std::atomic<bool> behind_pooler = false;
};

struct ConnectSettings {
  /// libpq's connection keywords and values, as PQconnectStartParams takes them. libpq takes others from its
  /// environment variables, its service file and its defaults.
  std::vector<std::pair<std::string, std::string>> keywords;
  /// Whether statements are given names.
  PrepareMode prepare = PrepareMode::automatic;
  /// See Connection.
  std::size_t max_result_bytes = 0;
  /// Ask the server which one it is (ServerIdentity), which costs a round trip.
  bool identify = false;
  /// Ask the server how many connections it has room for (ServerRoom), which costs a round trip.
  bool ask_room = false;
  std::shared_ptr<ConnectMemory> memory = std::make_shared<ConnectMemory>();
};

/// Why a connect failed.
enum class ConnectFailureKind : std::uint8_t {
  transient,      ///< Nothing listening, server starting, name server silent: worth another try.
  overloaded,     ///< The server has no room (53300): worth another try later.
  configuration,  ///< Wrong password, database, host, TLS or option: another try fails as well.
  refused_near,   ///< Transient, on this machine, before a server has answered: another try is cheap.
};

}  // namespace copg::pq
