// A connection to the world's server. In place of the one on libpq.
#pragma once

#include <copg/error.hpp>
#include <copg/notice.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "pq/errors.hpp"
#include "pq/operation.hpp"
#include "sim/engine/world.hpp"

namespace copg::pq {
inline namespace scripted {

using sim::World;

class Connection {
 public:
  explicit Connection(std::shared_ptr<sim::Session> session) : session_(std::move(session)) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (abandoned_) return;
    if (has_caller_) world().breaks("one user", "a connection was closed while somebody was using it");
    world().close_session(*session_);
  }

  [[nodiscard]] sim::Session& session_of_server() noexcept { return *session_; }
  [[nodiscard]] int fd() const noexcept { return session_->fd; }
  [[nodiscard]] int backend_pid() const noexcept { return session_->fd; }
  [[nodiscard]] int server_version() const noexcept { return 150000; }
  [[nodiscard]] std::string_view parameter_status(const char* /*name*/) const noexcept { return {}; }

  [[nodiscard]] bool looks_alive() {
    world().let_others_act();
    if (session_->process != world().process)
      world().breaks("fork", "a child has looked at its parent's connection");
    return alive() && !world().seen_gone(*session_);
  }
  void lease_begins() noexcept { world().lend(*session_); }
  [[nodiscard]] bool alive() const noexcept { return !dead_; }
  void mark_dead() noexcept { dead_ = true; }
  [[nodiscard]] std::uint32_t take_cancels_sent() noexcept { return 0; }
  [[nodiscard]] bool lost() const noexcept { return dead_; }
  [[nodiscard]] bool fatal_notice_seen() const noexcept { return world().seen_gone(*session_); }
  [[nodiscard]] bool server_ends() const noexcept { return session_->gone_with_others; }
  [[nodiscard]] std::string why_dead() const { return dead_ ? "the server has gone" : ""; }
  [[nodiscard]] bool demoted() const noexcept { return false; }
  [[nodiscard]] bool protocol_idle() const noexcept { return outstanding_ == 0; }
  [[nodiscard]] bool in_transaction() const noexcept { return session_->in_transaction; }
  [[nodiscard]] bool in_failed_transaction() const noexcept { return false; }
  [[nodiscard]] bool keeps_exchange() const noexcept { return false; }
  [[nodiscard]] bool at_rest() const noexcept { return protocol_idle() && !in_transaction(); }
  [[nodiscard]] bool clean() const noexcept { return at_rest() && !session_->littered; }
  void configured() noexcept { session_->littered = false; }
  struct SessionState {
    [[nodiscard]] bool beyond_wiping() const noexcept { return false; }
  };
  [[nodiscard]] SessionState session() const noexcept { return {}; }
  void tell_notices(const std::function<void(const Notice&)>& /*told*/) noexcept {}
  void abandon() noexcept { dead_ = abandoned_ = true; }

  // For operations.

  /// False: the socket is closed, and nothing has left.
  [[nodiscard]] bool send(std::uint32_t token, sim::Deed deed, const Operation& operation) {
    if (dead_ || !world().send(*session_, token, deed, &operation)) return false;
    ++outstanding_;
    return true;
  }
  /// An answer, if there is one. Finds out that the server has gone.
  [[nodiscard]] std::optional<sim::Session::Statement> receive() {
    auto answer = world().take_answer(*session_);
    if (answer) {
      --outstanding_;
    } else if (world().seen_gone(*session_)) {
      dead_ = true;
    }
    return answer;
  }
  /// What a reset leaves.
  void wipe() noexcept {
    world().wipe(*session_);
    outstanding_ = 0;
  }
  [[nodiscard]] int outstanding() const noexcept { return outstanding_; }
  [[nodiscard]] ErrorPtr gone() const {
    auto error = std::make_unique<ErrorInfo>();
    error->kind = ErrorKind::connection_failed;
    error->message = "the server has gone";
    error->connection_survives = false;
    return error;
  }

 private:
  friend class OneCaller;
  static World& world() noexcept { return World::here(); }

  std::shared_ptr<sim::Session> session_;
  int outstanding_ = 0;  // statements without an answer
  bool dead_ = false;
  bool abandoned_ = false;
  bool has_caller_ = false;
};

/// Only one thread at a time is inside the operations of a connection.
class OneCaller {
 public:
  explicit OneCaller(Connection& connection) : connection_(connection) {
    if (std::exchange(connection_.has_caller_, true))
      World::here().breaks("one user", "two threads use one connection at a time");
  }
  OneCaller(const OneCaller&) = delete;
  OneCaller& operator=(const OneCaller&) = delete;
  ~OneCaller() { connection_.has_caller_ = false; }

 private:
  Connection& connection_;
};

/// What a statement is, by its text, whose only parameter is its token.
[[nodiscard]] inline sim::Deed deed_of(std::string_view sql) noexcept {
  if (sql.find("pg_sleep") != std::string_view::npos) return sim::Deed::waits;
  if (sql.starts_with("INSERT")) return sim::Deed::writes;
  if (sql.starts_with("BEGIN")) return sim::Deed::begins;
  if (sql.starts_with("COMMIT") || sql.starts_with("ROLLBACK --")) return sim::Deed::ends;
  if (sql.starts_with("SELECT configure")) return sim::Deed::configures;
  return sql.starts_with("SET") ? sim::Deed::litters : sim::Deed::reads;
}

}  // namespace scripted
}  // namespace copg::pq
