// See pgbouncer.hpp.
#include "support/pgbouncer.hpp"

#include <fstream>

namespace copg::test {

PgBouncer::PgBouncer(const testing::ThrowawayPostgres& server, const Settings& settings)
    : PoolerProcess("pgbouncer pgbouncer.ini", "TERM") {
  std::ofstream file(folder() / "pgbouncer.ini");
  file << "[databases]\n* = host=" << server.socket_folder().string() << " port=" << server.port()
       << " user=" << testing::ThrowawayPostgres::user() << "\n[pgbouncer]\n"
       << "listen_addr = 127.0.0.1\nlisten_port = " << port() << "\nunix_socket_dir = " << folder().string()
       << "\nauth_type = any\n";
  for (const auto& [name, value] : settings) file << name << " = " << value << "\n";
  file.close();
  start();
}

}  // namespace copg::test
