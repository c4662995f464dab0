// See patroni_cluster.hpp.
#include "chaos/patroni_cluster.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <deque>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "support/direct_connection.hpp"
#include "support/http_client.hpp"
#include "testing/loopback_port.hpp"
#include "testing/postgres_installation.hpp"

namespace copg::chaos {
namespace {

namespace fs = std::filesystem;
using test::DirectConnection;

constexpr const char* patroni = "/usr/bin/patroni";
constexpr const char* patronictl = "/usr/bin/patronictl";
constexpr const char* etcd = "/usr/bin/etcd";
constexpr const char* haproxy_program = "/usr/sbin/haproxy";  // not on everybody's PATH

// The folder is $1. Patroni starts a new PostgreSQL while there is a Patroni, so it takes some rounds.
constexpr const char* sweeping = R"sh(
read -r word
rounds=0
found=yes
while [ -n "$found" ] && [ "$rounds" -lt 100 ]; do
  found=
  for process in /proc/[0-9]*; do
    case "$(readlink "$process/cwd")" in
      "$1" | "$1"/* | "$1 (deleted)") kill -KILL "${process#/proc/}" 2>/dev/null && found=yes ;;
    esac
  done
  [ -z "$found" ] || sleep 0.05
  rounds=$((rounds + 1))
done
rm -rf -- "$1"
)sh";

/// What Patroni and PostgreSQL are told. Seconds are as short as a busy machine with two cores bears them.
constexpr const char* patroni_settings = R"yaml(scope: chaos
name: {name}
restapi: {{listen: "127.0.0.1:{rest_port}", connect_address: "127.0.0.1:{rest_gate}"}}
etcd3: {{host: "127.0.0.1:{etcd_gate}", use_proxies: true}}
watchdog: {{mode: "off"}}
bootstrap:
  dcs:
    ttl: 6
    loop_wait: 1
    retry_timeout: 2
    primary_start_timeout: 0
    synchronous_mode: true
    synchronous_mode_strict: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters: {{max_connections: 200, wal_keep_size: 256MB}}
  initdb: [{{encoding: UTF8}}, {{auth: trust}}, no-locale, no-sync]
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{gate}"
  data_dir: "{folder}/data"
  bin_dir: "{programs}"
  pgpass: "{folder}/pgpass"
  use_unix_socket: true
  authentication:
    superuser: {{username: postgres}}
    replication: {{username: postgres}}
    rewind: {{username: postgres}}
  parameters: {{unix_socket_directories: "{folder}", fsync: "off", wal_retrieve_retry_interval: 100ms}}
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
)yaml";

constexpr const char* haproxy_settings = R"(defaults
  mode tcp
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout check 1s
listen primary
  bind 127.0.0.1:{port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
)";

}  // namespace

Sweeper::Sweeper(const fs::path& folder) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  process_ = testing::spawn({.arguments = {"/bin/sh", "-c", sweeping, "sweeper", folder.string()},
                             .working_folder = "/",
                             .output = "/dev/null",
                             .input = ends[0],
                             .own_session = true});
  ::close(ends[0]);
  pipe_ = ends[1];
}

Sweeper::~Sweeper() {
  ::close(pipe_);
  testing::wait_for_exit(process_);
}

std::string PatroniCluster::missing_programs(bool haproxy) {
  std::string missing;
  for (const char* program : {patroni, etcd, haproxy_program}) {
    if ((program == haproxy_program && !haproxy) || fs::exists(program)) continue;
    missing += (missing.empty() ? "" : " ") + std::string(program);
  }
  return missing;
}

PatroniCluster::Node::Node(std::string node_name, std::uint16_t etcd_port)
    : name(std::move(node_name)),
      port(testing::free_loopback_port()),
      rest_port(testing::free_loopback_port()),
      clients(port),
      rest(rest_port),
      etcd(etcd_port) {}

PatroniCluster::PatroniCluster(bool haproxy)
    : user_(testing::user_for_server()),
      folder_(user_),
      programs_(fs::canonical(testing::find_postgres_programs() / "initdb").parent_path()),
      etcd_port_(testing::free_loopback_port()),
      sweeper_(std::make_unique<Sweeper>(folder_.path())) {
  start_etcd();
  for (std::size_t i = 0; i < size; ++i) {
    nodes_.push_back(std::make_unique<Node>("node" + std::to_string(i), etcd_port_));
    write_patroni_file(*nodes_[i]);
    start_patroni(i);
  }
  if (haproxy) start_haproxy();
}

PatroniCluster::~PatroniCluster() {
  sweeper_.reset();
  for (const auto& node : nodes_) helpers_.push_back(node->patroni);
  for (const pid_t process : helpers_) {
    if (process > 0) testing::wait_for_exit(process);
  }
}

/// All programs work in the folder, where the sweeper finds them.
pid_t PatroniCluster::start(const std::string& log, std::vector<std::string> arguments) const {
  return testing::spawn({.arguments = std::move(arguments),
                         .environment = {{"LC_ALL", "C"}, {"PATH", "/usr/bin:/bin"}},
                         .dropped_environment = {"PG", "LC_", "LANG", "PYTHON", "ETCD", "PATRONI"},
                         .working_folder = folder(),
                         .output = folder() / log,
                         .user = user_,
                         .own_session = true});
}

void PatroniCluster::start_etcd() {
  const std::string clients = fmt::format("http://127.0.0.1:{}", etcd_port_);
  const std::string peers = fmt::format("http://127.0.0.1:{}", testing::free_loopback_port());
  helpers_.push_back(
      start("etcd.log", {etcd, "--data-dir", (folder() / "etcd").string(), "--listen-client-urls", clients,
                         "--advertise-client-urls", clients, "--listen-peer-urls", peers,
                         "--initial-advertise-peer-urls", peers, "--initial-cluster", "default=" + peers,
                         "--unsafe-no-fsync", "--logger", "zap", "--log-level", "error"}));
}

void PatroniCluster::start_haproxy() {
  haproxy_port_ = testing::free_loopback_port();
  std::string text = fmt::format(fmt::runtime(haproxy_settings), fmt::arg("port", haproxy_port_));
  for (const auto& node : nodes_) {
    text += fmt::format("  server {} 127.0.0.1:{} check port {}\n", node->name, node->clients.port(),
                        node->rest.port());
  }
  std::ofstream(folder() / "haproxy.cfg") << text;
  helpers_.push_back(
      start("haproxy.log", {haproxy_program, "-db", "-f", (folder() / "haproxy.cfg").string()}));
}

fs::path PatroniCluster::patroni_file(const Node& node) const { return folder() / (node.name + ".yml"); }

void PatroniCluster::write_patroni_file(const Node& node) const {
  const fs::path own = folder() / node.name;
  fs::create_directory(own);
  if (user_ && ::chown(own.c_str(), user_->uid, user_->gid) != 0)
    throw std::system_error(errno, std::generic_category(), "chown " + own.string());
  std::ofstream(patroni_file(node)) << fmt::format(
      fmt::runtime(patroni_settings), fmt::arg("name", node.name), fmt::arg("rest_port", node.rest_port),
      fmt::arg("rest_gate", node.rest.port()), fmt::arg("etcd_gate", node.etcd.port()),
      fmt::arg("port", node.port), fmt::arg("gate", node.clients.port()), fmt::arg("folder", own.string()),
      fmt::arg("programs", programs_.string()));
}

std::string PatroniCluster::url() const {
  std::string hosts;
  for (const auto& node : nodes_)
    hosts += fmt::format("{}127.0.0.1:{}", hosts.empty() ? "" : ",", node->clients.port());
  if (haproxy_port_ != 0) hosts = fmt::format("127.0.0.1:{}", haproxy_port_);
  return "postgresql://postgres@" + hosts + "/postgres?sslmode=disable";
}

std::string PatroniCluster::direct_url(std::size_t index) const {
  const Node& node = *nodes_.at(index);
  return fmt::format("host={} port={} user=postgres dbname=postgres connect_timeout=5",
                     (folder() / node.name).string(), node.port);
}

std::string PatroniCluster::last_words() const {
  constexpr std::size_t lines = 15;
  std::string words;
  for (const auto& entry : fs::directory_iterator(folder())) {
    if (entry.path().extension() != ".log") continue;
    std::deque<std::string> last;
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      last.push_back(line);
      if (last.size() > lines) last.pop_front();
    }
    words += "== " + entry.path().filename().string() + "\n";
    for (const std::string& line : last) words += line + "\n";
  }
  return words;
}

std::optional<std::size_t> PatroniCluster::primary() const {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < size; ++i) {
    try {
      if (DirectConnection(direct_url(i)).value("SELECT pg_is_in_recovery()") != "f") continue;
    } catch (const std::runtime_error&) {  // it does not run, or not yet
      continue;
    }
    if (found) return {};
    found = i;
  }
  return found;
}

/// Both PostgreSQL and Patroni must know of it: Patroni promotes nobody of whom it has not noted that.
std::optional<std::size_t> PatroniCluster::synchronous_standby() const {
  const auto from = primary();
  if (!from) return {};
  const std::string name =
      DirectConnection(direct_url(*from))
          .value("SELECT application_name FROM pg_stat_replication WHERE sync_state = 'sync'");
  for (std::size_t i = 0; i < size; ++i) {
    if (nodes_[i]->name == name && test::get(nodes_[i]->rest_port, "/sync").result_int() == 200) return i;
  }
  return {};
}

bool PatroniCluster::is_whole() const {
  try {
    if (!synchronous_standby()) return false;
    for (const auto& node : nodes_) test::get(node->rest_port, "/health");
    return DirectConnection(direct_url(primary().value()))
               .value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") ==
           std::to_string(size - 1);
  } catch (const std::exception&) {  // the primary has just gone
    return false;
  }
}

void PatroniCluster::kill_postmaster(std::size_t index) {
  std::ifstream file(folder() / nodes_.at(index)->name / "data" / "postmaster.pid");
  pid_t postmaster = 0;
  file >> postmaster;
  if (!file || postmaster <= 1) throw std::runtime_error("there is no postmaster to kill");
  ::kill(postmaster, SIGKILL);
}

void PatroniCluster::kill_patroni(std::size_t index) {
  pid_t& process = nodes_.at(index)->patroni;
  ::kill(process, SIGKILL);
  testing::wait_for_exit(process);
  process = -1;
}

void PatroniCluster::start_patroni(std::size_t index) {
  Node& node = *nodes_.at(index);
  node.patroni = start(node.name + ".log", {patroni, patroni_file(node).string()});
}

void PatroniCluster::switch_over(std::size_t from, std::size_t to) {
  const Node& leader = *nodes_.at(from);
  const pid_t process =
      start("patronictl.log", {patronictl, "-c", patroni_file(leader).string(), "switchover", "--master",
                               leader.name, "--candidate", nodes_.at(to)->name, "--force", "chaos"});
  const int status = testing::wait_for_exit(process);
  if (status != 0) throw std::runtime_error("patronictl has refused the switchover");
}

void PatroniCluster::part(std::size_t index) {
  Node& node = *nodes_.at(index);
  for (test::Gate* gate : {&node.clients, &node.rest, &node.etcd}) gate->fall_silent();
}

void PatroniCluster::join(std::size_t index) {
  Node& node = *nodes_.at(index);
  for (test::Gate* gate : {&node.clients, &node.rest, &node.etcd}) gate->open();
}

void PatroniCluster::pause_replay(std::size_t index) {
  DirectConnection(direct_url(index)).value("SELECT pg_wal_replay_pause()");
}

void PatroniCluster::resume_replay(std::size_t index) {
  DirectConnection(direct_url(index)).value("SELECT pg_wal_replay_resume()");
}

}  // namespace copg::chaos
