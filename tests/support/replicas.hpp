// A database system of one's own: a primary and standbys that stream from it, and what befalls such systems.
//
// Each server has two gates (gate.hpp): one for its clients, one for the standbys that follow it, so that a
// test can part them. All servers end with the process that made them, also when it is killed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/gate.hpp"
#include "testing/throwaway_postgres.hpp"

namespace copg::test {

/// Not thread-safe. What fails throws std::runtime_error with PostgreSQL's words.
class Replicas {
 public:
  /// Lines of postgresql.conf for all servers.
  using Settings = std::vector<std::pair<std::string, std::string>>;

  /// Server 0 is the primary, and `standbys` others follow it. About 0.8 s for each.
  explicit Replicas(std::size_t standbys, Settings settings = {});
  Replicas(const Replicas&) = delete;
  Replicas& operator=(const Replicas&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return members_.size(); }
  /// To be stopped, killed, frozen, started again.
  [[nodiscard]] testing::ThrowawayPostgres& server(std::size_t index) { return members_.at(index)->server; }
  /// The clients' way to it.
  [[nodiscard]] Gate& gate(std::size_t index) { return members_.at(index)->clients; }
  /// The way of standbys to it.
  [[nodiscard]] Gate& stream(std::size_t index) { return members_.at(index)->followers; }

  /// The server takes no part any more, and nobody gets an answer: neither clients, nor those who follow it.
  /// It goes on with what it does.
  void part(std::size_t index);
  void join(std::size_t index);

  /// `pg_ctl promote`; returns once it takes writes.
  void promote(std::size_t index);
  /// Makes it a standby of another, which may have been its own standby: a standby is pointed there; what was
  /// a primary is stopped, taken back with pg_rewind to where the two parted, and started.
  void follow(std::size_t index, std::size_t primary);
  /// Throws away what it holds and makes it a standby of another, with pg_basebackup.
  void clone(std::size_t index, std::size_t primary);
  /// A standby takes in what is written, and shows none of it.
  void pause_replay(std::size_t index);
  void resume_replay(std::size_t index);
  /// Whether it has replayed all that the other has written.
  [[nodiscard]] bool has_all_of(std::size_t index, std::size_t primary);

  /// The first value that a statement returns, on a connection of its own that passes no gate; empty for NULL
  /// and for none.
  std::string ask(std::size_t index, const std::string& sql);

 private:
  struct Member {
    explicit Member(const Settings& settings);
    testing::ThrowawayPostgres server;
    Gate clients;
    Gate followers;
  };

  void point(std::size_t index, std::size_t primary);
  void run_program(std::size_t index, const std::string& program, std::vector<std::string> arguments);

  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace copg::test
