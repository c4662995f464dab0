#include "support/replicas.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>

#include "support/direct_connection.hpp"
#include "support/eventually.hpp"
#include "testing/child_process.hpp"
#include "testing/postgres_installation.hpp"

namespace copg::test {
namespace {

namespace fs = std::filesystem;
using testing::ThrowawayPostgres;

/// What streaming needs; what pg_rewind needs; commits that are in the log once they are answered; and short
/// waits where the defaults have seconds.
testing::ThrowawayOptions options_with(const Replicas::Settings& settings) {
  testing::ThrowawayOptions options{.settings = {{"wal_level", "replica"},
                                                 {"max_wal_senders", "10"},
                                                 {"wal_keep_size", "256"},
                                                 {"wal_log_hints", "on"},
                                                 {"full_page_writes", "on"},
                                                 {"synchronous_commit", "on"},
                                                 {"wal_retrieve_retry_interval", "100ms"}}};
  options.settings.insert(options.settings.end(), settings.begin(), settings.end());
  return options;
}

/// A server is a thousand small files, which take seconds to make and to remove on some file systems, and
/// some milliseconds in memory.
void work_in_memory() {
  static constexpr std::uintmax_t room_for_servers = std::uintmax_t(2) << 30U;
  static constexpr const char* in_memory = "/dev/shm";
  static const bool decided = [] {
    std::error_code absent;
    if (const auto space = fs::space(in_memory, absent); !absent && space.available >= room_for_servers)
      ::setenv("TMPDIR", in_memory, 0);  // NOLINT(concurrency-mt-unsafe)
    return true;
  }();
  static_cast<void>(decided);
}

void require(bool reached, const char* what) {
  if (!reached) throw std::runtime_error(std::string("not in time: ") + what);
}

}  // namespace

Replicas::Member::Member(const Settings& settings)
    : server(options_with(settings)), clients(server.port()), followers(server.port()) {}

Replicas::Replicas(std::size_t standbys, Settings settings) {
  work_in_memory();
  for (std::size_t index = 0; index <= standbys; ++index) {
    members_.push_back(std::make_unique<Member>(settings));
    if (index > 0) clone(index, 0);
  }
}

std::string Replicas::ask(std::size_t index, const std::string& sql) {
  return DirectConnection(server(index).url()).value(sql);
}

/// Not every program of PostgreSQL is on PATH, but all are beside each other.
void Replicas::run_program(std::size_t index, const std::string& program,
                           std::vector<std::string> arguments) {
  const ThrowawayPostgres& on = server(index);
  const fs::path programs = fs::canonical(testing::find_postgres_programs() / "initdb").parent_path();
  const fs::path output = on.socket_folder() / (program + ".log");
  fs::remove(output);
  arguments.insert(arguments.begin(), programs / program);
  testing::run({.arguments = std::move(arguments),
                .environment = {{"LC_ALL", "C"}},
                .dropped_environment = {"PG", "LC_", "LANG"},
                .working_folder = on.socket_folder(),
                .output = output,
                .user = testing::user_for_server()});
}

void Replicas::point(std::size_t index, std::size_t primary) {
  server(index).configure({{"primary_conninfo", "host=127.0.0.1 user=postgres sslmode=disable port=" +
                                                    std::to_string(stream(primary).port())}});
}

void Replicas::clone(std::size_t index, std::size_t primary) {
  ThrowawayPostgres& standby = server(index);
  standby.stop(testing::StopMode::immediate);
  fs::remove_all(standby.data_folder());
  run_program(index, "pg_basebackup",
              {"-D", standby.data_folder(), "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
               server(primary).url()});
  point(index, primary);
  standby.start();
}

void Replicas::promote(std::size_t index) {
  run_program(index, "pg_ctl", {"promote", "-w", "-D", server(index).data_folder()});
}

void Replicas::follow(std::size_t index, std::size_t primary) {
  ThrowawayPostgres& standby = server(index);
  point(index, primary);
  if (standby.postmaster_pid() && ask(index, "SELECT pg_is_in_recovery()") == "t") return standby.reload();
  standby.stop();
  ask(primary, "CHECKPOINT");  // without it a promoted server's own files still name its old timeline
  run_program(index, "pg_rewind",
              {"-D", standby.data_folder(), "-R", "--no-sync", "--source-server", server(primary).url()});
  standby.start();
}

void Replicas::pause_replay(std::size_t index) {
  ask(index, "SELECT pg_wal_replay_pause()");
  require(eventually([&] { return ask(index, "SELECT pg_get_wal_replay_pause_state()") == "paused"; }),
          "the pause of the replay");
}

void Replicas::resume_replay(std::size_t index) { ask(index, "SELECT pg_wal_replay_resume()"); }

bool Replicas::has_all_of(std::size_t index, std::size_t primary) {
  const std::string written = ask(primary, "SELECT pg_current_wal_flush_lsn()");
  return ask(index, "SELECT pg_last_wal_replay_lsn() >= '" + written + "'::pg_lsn") == "t";
}

void Replicas::part(std::size_t index) {
  gate(index).fall_silent();
  stream(index).fall_silent();
}

void Replicas::join(std::size_t index) {
  gate(index).open();
  stream(index).open();
}

}  // namespace copg::test
