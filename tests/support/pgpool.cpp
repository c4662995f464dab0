// See pgpool.hpp.
#include "support/pgpool.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "testing/loopback_port.hpp"

namespace copg::test {
namespace {

constexpr std::string_view program = "/usr/sbin/pgpool";  // where Debian has it

}  // namespace

bool Pgpool::is_installed() { return std::filesystem::exists(program); }

Pgpool::Pgpool(const Nodes& nodes, const Settings& settings)
    : PoolerProcess(std::string(program) + " -n -f pgpool.conf -a /dev/null -F /dev/null", "INT") {
  std::ofstream file(folder() / "pgpool.conf");
  const auto quoted = [](const std::string& text) { return "'" + text + "'"; };
  const std::string here = quoted(folder().string());
  const std::string user = quoted(testing::ThrowawayPostgres::user());
  file << "backend_clustering_mode = 'streaming_replication'\n"
       << "listen_addresses = ''\nport = " << port() << "\nsocket_dir = " << here << "\n"
       << "pcp_listen_addresses = ''\npcp_port = " << testing::free_loopback_port()
       << "\npcp_socket_dir = " << here << "\n"
       << "pid_file_name = " << quoted(folder() / "pid") << "\nlogdir = " << here << "\n"
       << "sr_check_period = 1\nsr_check_user = " << user << "\n"
       << "health_check_period = 1\nhealth_check_user = " << user << "\n";
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const testing::ThrowawayPostgres& node = nodes[i];
    const std::string number = std::to_string(i);
    file << "backend_hostname" << number << " = " << quoted(node.socket_folder().string()) << "\n"
         << "backend_port" << number << " = " << node.port() << "\nbackend_weight" << number
         << " = 1\n"
         // A primary that Pgpool-II has given up stays away until somebody attaches it again.
         << "backend_flag" << number << (i == 0 ? " = 'DISALLOW_TO_FAILOVER'\n" : " = 'ALLOW_TO_FAILOVER'\n");
  }
  for (const auto& [name, value] : settings) file << name << " = " << value << "\n";
  file.close();
  start();
}

}  // namespace copg::test
