// Where monitors are: named by the user, or found by the sockets that they have in a folder of the user's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace copg::tools {

struct MonitorAddress {
  std::string socket{};  ///< A path; empty: it is a host.
  std::string host{};
  std::string port{};
  std::string token{};
  std::string shown{};  ///< As the user knows it, without the token.
  bool operator==(const MonitorAddress&) const = default;
};

/// "http://host:port/?token=...", or the path of a socket. Throws std::invalid_argument for anything else.
MonitorAddress read_address(std::string_view text);

/// The folders in which monitors of this user have their sockets: that of XDG_RUNTIME_DIR, and
/// /tmp/copg-<uid>.
std::vector<std::string> socket_folders();

/// The sockets of monitors in the folders, by name; nothing where a folder does not exist. A folder or a
/// socket that is not this user's, or that others can write to, is left out, and `refused` says why: another
/// user could answer in a process's place.
std::vector<MonitorAddress> find_sockets(const std::vector<std::string>& folders,
                                         std::vector<std::string>& refused);

}  // namespace copg::tools
