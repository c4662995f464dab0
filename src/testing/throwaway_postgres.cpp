// See throwaway_postgres.hpp.
#include "testing/throwaway_postgres.hpp"

#include <fmt/format.h>
#include <sys/shm.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "testing/fresh_data_folder.hpp"
#include "testing/loopback_port.hpp"
#include "testing/postgres_installation.hpp"

namespace copg::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr std::chrono::seconds stop_timeout = 20s;
constexpr std::chrono::milliseconds poll_interval = 2ms;
constexpr int port_attempts = 20;

std::string read_file(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The line, counted from 1, of the server's postmaster.pid; empty when there is none.
std::string line_of(const fs::path& path, int number) {
  std::ifstream file(path);
  std::string line;
  for (int i = 0; i < number; ++i) {
    if (!std::getline(file, line)) return {};
  }
  return line;
}

std::string quoted_setting(const std::string& value) {
  std::string result;
  for (const char c : value) {
    if (c == '\'' || c == '\\') result += c;
    result += c;
  }
  return "'" + result + "'";
}

std::string percent_encoded(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.') {
      result += c;
    } else {
      result += fmt::format("%{:02X}", byte);
    }
  }
  return result;
}

/// The state letter and the parent of a process, from /proc/<pid>/stat.
struct ProcessStatus {
  char state = 'X';
  pid_t parent = 0;
};

ProcessStatus status_of(const std::string& pid) {
  const std::string line = line_of("/proc/" + pid + "/stat", 1);
  const auto end_of_name = line.rfind(") ");
  if (end_of_name == std::string::npos) return {};
  ProcessStatus status{.state = line.at(end_of_name + 2), .parent = 0};
  status.parent = static_cast<pid_t>(std::strtol(line.c_str() + end_of_name + 4, nullptr, 10));
  return status;
}

bool is_alive(pid_t pid) {
  const char state = status_of(std::to_string(pid)).state;
  return state != 'X' && state != 'Z';
}

/// A killed server leaves its segment behind for the next start to find.
void remove_shared_memory(const fs::path& postmaster_pid_file) {
  int key = 0;
  int id = -1;
  if (std::sscanf(line_of(postmaster_pid_file, 7).c_str(), "%d %d", &key, &id) == 2)
    ::shmctl(id, IPC_RMID, nullptr);
}

}  // namespace

ThrowawayPostgres::ThrowawayPostgres(ThrowawayOptions options)
    : options_(std::move(options)),
      programs_(find_postgres_programs()),
      user_(user_for_server()),
      folder_(user_),
      port_(free_loopback_port()) {
  make_data_folder();
  if (options_.tls) make_certificate();
  write_access_rules();
  write_settings();
  for (int attempt = 0; !try_to_start(); ++attempt) {
    if (attempt == port_attempts) throw std::runtime_error("PostgreSQL found every port taken:\n" + log());
    port_ = free_loopback_port();
  }
}

ThrowawayPostgres::~ThrowawayPostgres() {
  if (!folder_.is_ours()) return;
  try {
    stop(StopMode::immediate);
    remove_shared_memory(data_folder() / "postmaster.pid");
  } catch (const std::exception&) {  // the watchdog's turn
  }
}

void ThrowawayPostgres::make_data_folder() {
  fill_data_folder(data_folder(), programs_, user_);
  if (options_.password.empty()) return;
  // Without a password nobody could log in to set one: single-user mode needs neither.
  std::string literal = options_.password;
  for (auto at = literal.find('\''); at != std::string::npos; at = literal.find('\'', at + 2))
    literal.insert(at, "'");
  const fs::path script = folder_.path() / "password.sql";
  std::ofstream(script) << "ALTER USER postgres PASSWORD '" << literal << "'\n";
  give_to(script, user_);
  run({.arguments = {"/bin/sh", "-c", R"(exec "$0" --single -D "$1" postgres < "$2")", programs_ / "postgres",
                     data_folder(), script},
       .environment = {{"LC_ALL", "C"}},
       .dropped_environment = {"PG", "LC_", "LANG"},
       .working_folder = folder_.path(),
       .output = folder_.path() / "log",
       .user = user_});
  fs::remove(script);
}

void ThrowawayPostgres::make_certificate() const {
  run({.arguments = {"openssl", "req", "-new", "-x509", "-newkey", "ec", "-pkeyopt",
                     "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                     "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "server.key", "-out",
                     "server.crt"},
       .working_folder = folder_.path(),
       .output = folder_.path() / "log",
       .user = user_});
}

void ThrowawayPostgres::write_access_rules() const {
  const std::string on_port = options_.password.empty()      ? "trust"
                              : options_.auth_method.empty() ? "scram-sha-256"
                                                             : options_.auth_method;
  std::ofstream file(data_folder() / "pg_hba.conf");
  for (const char* database : {"all", "replication"}) {
    file << "local " << database << " all trust\n";
    file << "host " << database << " all 127.0.0.1/32 " << on_port << "\n";
  }
}

void ThrowawayPostgres::write_settings() const {
  std::vector<std::pair<std::string, std::string>> settings = {
      {"listen_addresses", options_.tcp ? "127.0.0.1" : ""},
      {"port", std::to_string(port_)},
      {"unix_socket_directories", folder_.path().string()},
      {"fsync", "off"},
      {"full_page_writes", "off"},
      {"synchronous_commit", "off"},
      {"dynamic_shared_memory_type",
       "mmap"},  // in the data folder, so that a killed server leaves nothing in /dev/shm
  };
  if (options_.tls) {
    settings.insert(
        settings.end(),
        {{"ssl", "on"}, {"ssl_cert_file", certificate().string()}, {"ssl_key_file", key().string()}});
  }
  settings.insert(settings.end(), options_.settings.begin(), options_.settings.end());
  // The last line of a setting counts, and this file is read last.
  std::ofstream file(data_folder() / "postgresql.auto.conf");
  for (const auto& [name, value] : settings) file << name << " = " << quoted_setting(value) << "\n";
}

bool ThrowawayPostgres::try_to_start() {
  write_settings();
  const auto log_size = log().size();
  postmaster_ = spawn({.arguments = {programs_ / "postgres", "-D", data_folder()},
                       .environment = {{"LC_ALL", "C"}},
                       .dropped_environment = {"PG", "LC_", "LANG"},
                       .working_folder = folder_.path(),
                       .output = folder_.path() / "log",
                       .user = user_,
                       .own_session = true});
  if (wait_until_ready()) return true;
  const std::string said = log().substr(log_size);
  if (said.find("Address already in use") != std::string::npos) return false;
  throw std::runtime_error("PostgreSQL did not start:\n" + said);
}

bool ThrowawayPostgres::wait_until_ready() {
  const fs::path status = data_folder() / "postmaster.pid";
  const auto deadline = std::chrono::steady_clock::now() + options_.start_timeout;
  for (;;) {
    notice_death();
    if (!postmaster_) return false;
    // pg_ctl waits for the same line; until then the first line may be that of a server that was killed.
    const std::string word = line_of(status, 8);
    if ((word.starts_with("ready") || word.starts_with("standby")) &&
        line_of(status, 1) == std::to_string(*postmaster_)) {
      return true;
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      kill_hard();
      return false;
    }
    std::this_thread::sleep_for(poll_interval);
  }
}

void ThrowawayPostgres::notice_death() {
  if (!postmaster_) return;
  try {
    if (wait_for_exit(*postmaster_, 0ms)) postmaster_.reset();
  } catch (const std::system_error&) {  // reaped by somebody else
    postmaster_.reset();
  }
}

void ThrowawayPostgres::start() {
  notice_death();
  if (!postmaster_ && !try_to_start())
    throw std::runtime_error("PostgreSQL's port was taken by another:\n" + log());
}

void ThrowawayPostgres::stop(StopMode mode) {
  notice_death();
  if (!postmaster_) return;
  const int signal = mode == StopMode::smart ? SIGTERM : mode == StopMode::fast ? SIGINT : SIGQUIT;
  ::kill(*postmaster_, signal);
  thaw();
  if (wait_for_exit(*postmaster_, stop_timeout)) {
    postmaster_.reset();
  } else {
    kill_hard();
  }
}

void ThrowawayPostgres::restart(StopMode mode) {
  stop(mode);
  start();
}

void ThrowawayPostgres::kill_hard() {
  notice_death();
  if (!postmaster_) return;
  ::kill(*postmaster_, SIGSTOP);  // so that it forks no more while its processes are looked up
  const std::vector<pid_t> all = processes();
  for (const pid_t pid : all) ::kill(pid, SIGKILL);
  wait_for_exit(*postmaster_);
  postmaster_.reset();
  const auto deadline = std::chrono::steady_clock::now() + stop_timeout;
  while (std::any_of(all.begin(), all.end(), is_alive) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(poll_interval);
  }
}

void ThrowawayPostgres::freeze() {
  if (!postmaster_) return;
  ::kill(*postmaster_, SIGSTOP);
  for (const pid_t pid : processes()) ::kill(pid, SIGSTOP);
}

void ThrowawayPostgres::thaw() {
  for (const pid_t pid : processes()) ::kill(pid, SIGCONT);
}

void ThrowawayPostgres::configure(const std::vector<std::pair<std::string, std::string>>& settings) {
  options_.settings.insert(options_.settings.end(), settings.begin(), settings.end());
  write_settings();
}

void ThrowawayPostgres::set_access_rules(const std::string& pg_hba_conf) {
  std::ofstream(data_folder() / "pg_hba.conf") << pg_hba_conf;
}

void ThrowawayPostgres::reload() {
  if (postmaster_) ::kill(*postmaster_, SIGHUP);
}

std::vector<pid_t> ThrowawayPostgres::processes() const {
  std::vector<pid_t> result;
  if (!postmaster_) return result;
  result.push_back(*postmaster_);
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (status_of(name).parent == *postmaster_) result.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return result;
}

std::string ThrowawayPostgres::url(const std::string& database) const {
  return fmt::format("postgresql://{}@/{}?host={}&port={}", user(), percent_encoded(database),
                     percent_encoded(folder_.path()), port_);
}

std::string ThrowawayPostgres::tcp_url(const std::string& database) const {
  const std::string password = options_.password.empty() ? "" : ":" + percent_encoded(options_.password);
  return fmt::format("postgresql://{}{}@127.0.0.1:{}/{}", user(), password, port_, percent_encoded(database));
}

std::string ThrowawayPostgres::log() const { return read_file(folder_.path() / "log"); }

}  // namespace copg::testing
