// The servers as they truly are: roles, timelines, write-ahead logs, replication, and who reaches whom. The
// cluster sees of it only what answers to probes say.
#pragma once

#include <cstdint>
#include <vector>

#include "cluster/types.hpp"
#include "sim/workload.hpp"

namespace copg::sim {

class ClusterWorld {
 public:
  static constexpr cluster::HostKey moving = 40;  ///< The address that goes from server to server.
  static constexpr std::uint64_t system = 7;      ///< Of nearly all servers.

  explicit ClusterWorld(Dice& dice);

  /// Something happens: writes, replication, a promotion, a crash, a partition, another list of addresses.
  void happen(cluster::TimePoint now);
  /// From now on all is well: one primary, on the newest timeline, and all others follow it.
  void heal(cluster::TimePoint now);
  /// The primaries write a little, and the replicas follow as far as they do.
  void go_on(cluster::TimePoint now);

  /// The addresses that a program would find.
  [[nodiscard]] std::uint64_t keys() const { return keys_; }
  /// What a probe of an address finds: an answer, a refusal, or (neither) silence.
  struct Found {
    bool answers = false, refuses = false;
    cluster::Observation seen{};
  };
  [[nodiscard]] Found probe(cluster::HostKey key, cluster::TimePoint now) const;
  /// Whether an address leads to the newest primary that runs.
  [[nodiscard]] bool is_primary(cluster::HostKey key) { return &servers_[index_of(key)] == newest_primary(); }
  /// How long a probe of an address takes.
  [[nodiscard]] cluster::Duration latency(cluster::HostKey key) const;

  /// What a client gets that has written by an address just now; timeline 0: it could not write.
  cluster::Token write(cluster::HostKey key);
  /// A token that a client has got before; or one of its own making.
  [[nodiscard]] cluster::Token some_token();
  /// Whether a read by an address, which was last seen as `instance`, finds what its request was promised.
  /// nullptr: yes; else what is wrong.
  [[nodiscard]] const char* judge_read(cluster::HostKey key, const cluster::Request& request,
                                       std::uint64_t instance, cluster::TimePoint now) const;

 private:
  /// A history: where it has left another, and the number that its servers give it. Two may have one number.
  struct Branch {
    std::uint32_t timeline = 1;
    std::uint32_t parent = 0;
    cluster::Lsn fork = 0;
  };
  struct Server {
    bool running = true, frozen = false, primary = false, reachable = true, streams = true;
    std::uint64_t system_id = system;
    std::uint64_t instance = 0;
    std::uint32_t branch = 0;
    cluster::Lsn position = 1000;
    cluster::TimePoint fresh{};  // its data are those of the primary at this time, or younger
    cluster::Duration latency{};
  };
  struct Written {
    cluster::Token token;
    std::uint32_t branch = 0;
  };

  [[nodiscard]] const Server& at(cluster::HostKey key) const { return servers_[index_of(key)]; }
  [[nodiscard]] std::size_t index_of(cluster::HostKey key) const;
  [[nodiscard]] Server& any() { return servers_[dice_.below(static_cast<std::uint32_t>(servers_.size()))]; }
  [[nodiscard]] Server* newest_primary();
  [[nodiscard]] bool contains(std::uint32_t branch, std::uint32_t ancestor, cluster::Lsn position) const;
  void start(Server& server);
  void promote(Server& server);
  void clone(Server& server, const Server& from, cluster::TimePoint now);
  void replicate(Server& server, const Server& from, cluster::TimePoint now, bool wholly);
  void remember(const Server& server);
  void change_keys();

  Dice& dice_;
  std::vector<Server> servers_;
  std::vector<Branch> branches_;
  std::vector<Written> written_;  // a ring
  std::size_t next_written_ = 0;
  std::uint64_t next_instance_ = 1;
  std::uint64_t keys_ = 0;
  std::size_t moving_to_ = 0;
};

}  // namespace copg::sim
