// A cluster of one's own as it is run for real: PostgreSQL under Patroni, with etcd, and HAProxy in front if
// that is wished; and what befalls such clusters.
//
// A commit is answered once the synchronous standby has it, and Patroni promotes no other, so that no
// acknowledged write may be lost. Clients, and the standbys, reach a node through a gate (support/gate.hpp);
// so do a node's Patroni etcd, and others that Patroni, so that a node can be parted from all. Everything
// lives in a temporary folder, on loopback, and ends with the process that made it, also when that is killed.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/gate.hpp"
#include "testing/child_process.hpp"
#include "testing/watched_folder.hpp"

namespace copg::chaos {

/// Kills whatever works in a folder or below it, and removes it, at its end or at that of the process.
class Sweeper {
 public:
  explicit Sweeper(const std::filesystem::path& folder);
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;
  ~Sweeper();

 private:
  pid_t process_ = -1;
  int pipe_ = -1;
};

/// Not thread-safe, but for what is const. What fails throws std::runtime_error.
class PatroniCluster {
 public:
  /// The programs that are not installed, with spaces between; empty: all are.
  static std::string missing_programs(bool haproxy);

  /// Starts all; returns before the cluster is whole.
  explicit PatroniCluster(bool haproxy);
  PatroniCluster(const PatroniCluster&) = delete;
  PatroniCluster& operator=(const PatroniCluster&) = delete;
  ~PatroniCluster();

  static constexpr std::size_t size = 3;

  /// For a pool: all nodes, or HAProxy.
  [[nodiscard]] std::string url() const;
  /// Of a node's socket, which passes no gate.
  [[nodiscard]] std::string direct_url(std::size_t index) const;
  /// PostgreSQL's setting `port`, which tells the nodes apart.
  [[nodiscard]] int port(std::size_t index) const { return nodes_.at(index)->port; }
  /// The ends of all logs.
  [[nodiscard]] std::string last_words() const;

  /// The one node that takes writes; nothing if there is none, or several.
  [[nodiscard]] std::optional<std::size_t> primary() const;
  /// The standby that has each acknowledged write.
  [[nodiscard]] std::optional<std::size_t> synchronous_standby() const;
  /// One primary, which all others follow, one of them synchronously.
  [[nodiscard]] bool is_whole() const;

  void kill_postmaster(std::size_t index);
  void kill_patroni(std::size_t index);
  void start_patroni(std::size_t index);
  /// Returns once Patroni has done it, or has refused.
  void switch_over(std::size_t from, std::size_t to);
  /// The node goes on, but reaches etcd no more, and nobody gets an answer from it.
  void part(std::size_t index);
  void join(std::size_t index);
  void pause_replay(std::size_t index);
  void resume_replay(std::size_t index);

 private:
  [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_.path(); }

  struct Node {
    Node(std::string node_name, std::uint16_t etcd_port);
    std::string name;
    std::uint16_t port;
    std::uint16_t rest_port;
    test::Gate clients;
    test::Gate rest;
    test::Gate etcd;
    pid_t patroni = -1;
  };

  void start_etcd();
  void start_haproxy();
  void write_patroni_file(const Node& node) const;
  [[nodiscard]] std::filesystem::path patroni_file(const Node& node) const;
  pid_t start(const std::string& log, std::vector<std::string> arguments) const;

  std::optional<testing::SystemUser> user_;
  testing::WatchedFolder folder_;
  std::filesystem::path programs_;
  std::uint16_t etcd_port_;
  std::uint16_t haproxy_port_ = 0;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<pid_t> helpers_;  // etcd, HAProxy
  std::unique_ptr<Sweeper> sweeper_;
};

}  // namespace copg::chaos
